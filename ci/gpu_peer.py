"""One process of gpu_specter on a GPU, for ci/gpu run:

gpu_peer.py CHECKOUT IMAGE PSF FRAME GRID FIRST COUNT NWAVESTEP

Extracts the bundle of spectrum FIRST to warm up and compile, says "ready", and extracts spectra FIRST to
FIRST + COUNT - 1 at each line that it reads, to which it answers "done". At the end it says, as JSON, how far its
flux is from that in FRAME, the file of unspot, in units of its own sigma. On stderr: the versions of what it uses,
and what had to be mended for them.
"""
import contextlib
import ctypes
import glob
import json
import logging
import os
import shutil
import sys

CHECKOUT, IMAGE, PSF, FRAME, GRID = sys.argv[1:6]
FIRST, COUNT, NWAVESTEP = map(int, sys.argv[6:])
sys.path.insert(0, os.path.join(CHECKOUT, "py"))
BUNDLE = 25

# numba looks for CUDA's compiler in CUDA_HOME; where only nvcc is in the PATH, it tells the folder.
if "CUDA_HOME" not in os.environ and shutil.which("nvcc"):
    os.environ["CUDA_HOME"] = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("nvcc"))))

# It looks for the compiler's library in one place of that folder only, but takes one that is loaded already.
for library in [path for place in ("nvvm/lib64", "lib64", "lib") for path in
                sorted(glob.glob(os.path.join(os.environ.get("CUDA_HOME") or "-", place, "libnvvm.so.*")))][:1]:
    with contextlib.suppress(OSError):
        ctypes.CDLL(library)

# gpu_specter silences this warning of numba, but not of numba-cuda, which has a class of its own for it.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

import numpy  # noqa: E402


def mend_numpy():
    """To be called before numba is imported: numba-cuda up to 0.30.4 takes numpy.row_stack for granted when it compiles
    its first kernel, and NumPy 2.5 no longer has this other name of vstack. Nothing that is computed changes."""
    if hasattr(numpy, "row_stack"):
        return []
    numpy.row_stack = numpy.vstack
    return ["numpy.row_stack is vstack"]


MENDED = mend_numpy()

import cupy  # noqa: E402
import fitsio  # noqa: E402
import numba  # noqa: E402


def mend_cupy():
    """gpu_specter 0.3 was written for CuPy 9 to 13. Its legvander() makes a device array of the host's wavelengths by
    cupy.array(x, copy=False), which meant "no copy, if that can be": CuPy 14 refuses, as NumPy 2 does, and calls the
    old meaning copy=None. Nothing that is computed changes."""
    if int(cupy.__version__.split(".")[0]) < 14:
        return []
    array = cupy.array

    def old_array(obj, dtype=None, copy=True, *rest, **named):
        return array(obj, dtype, copy or None, *rest, **named)

    cupy.array = old_array
    return ["cupy.array(copy=False) means copy=None"]


def main():
    mended = MENDED + mend_cupy()
    print("versions: cupy %s, numba %s, numpy %s, fitsio %s; mended: %s" % (
        cupy.__version__, numba.__version__, numpy.__version__, fitsio.__version__, ", ".join(mended) or "nothing"),
        file=sys.stderr, flush=True)
    from gpu_specter.core import extract_frame
    from gpu_specter.io import read_img, read_psf
    logging.disable(logging.INFO)
    image, psf = read_img(IMAGE), read_psf(PSF)

    def run(count):
        frame = extract_frame(image, psf, BUNDLE, FIRST, count, GRID, NWAVESTEP, 5, gpu=True, loglevel="error")
        cupy.cuda.Device().synchronize()
        return frame

    count = BUNDLE
    frame = run(count)
    print("ready", flush=True)
    for _ in sys.stdin:
        count = COUNT
        frame = run(count)
        print("done", flush=True)
    flux = fitsio.read(FRAME, "FLUX")[FIRST:FIRST + count]
    sigma = numpy.abs(frame["specflux"] - flux) * numpy.sqrt(frame["specivar"])
    print(json.dumps({"median": float(numpy.median(sigma)), "99.9%": float(numpy.quantile(sigma, 0.999))}))


main()
