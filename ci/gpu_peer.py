"""One process of gpu_specter on a GPU, for ci/gpu run:

gpu_peer.py CHECKOUT IMAGE PSF FRAME GRID FIRST COUNT NWAVESTEP

Extracts spectra FIRST to FIRST + COUNT - 1 to warm up and compile, says "ready", and extracts them again at each
line that it reads, to which it answers "done". At the end it says, as JSON, how far its flux is from that in FRAME,
the file of unspot, in units of its own sigma.
"""
import json
import logging
import os
import sys

CHECKOUT, IMAGE, PSF, FRAME, GRID = sys.argv[1:6]
FIRST, COUNT, NWAVESTEP = map(int, sys.argv[6:])
sys.path.insert(0, os.path.join(CHECKOUT, "py"))

import cupy  # noqa: E402
import fitsio  # noqa: E402
import numpy  # noqa: E402
from gpu_specter.core import extract_frame  # noqa: E402
from gpu_specter.io import read_img, read_psf  # noqa: E402


def main():
    logging.disable(logging.INFO)
    image, psf = read_img(IMAGE), read_psf(PSF)

    def run():
        frame = extract_frame(image, psf, 25, FIRST, COUNT, GRID, NWAVESTEP, 5, gpu=True, loglevel="error")
        cupy.cuda.Device().synchronize()
        return frame

    frame = run()
    print("ready", flush=True)
    for _ in sys.stdin:
        frame = run()
        print("done", flush=True)
    flux = fitsio.read(FRAME, "FLUX")[FIRST:FIRST + COUNT]
    sigma = numpy.abs(frame["specflux"] - flux) * numpy.sqrt(frame["specivar"])
    print(json.dumps({"median": float(numpy.median(sigma)), "99.9%": float(numpy.quantile(sigma, 0.999))}))


main()
