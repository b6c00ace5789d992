#!/usr/bin/python3
"""Makes defects in images and PSFs, and checks what became of them in frames: one function below each, called as
`defects.py FUNCTION ARGUMENT...`. FIBER counts from 0; a check that fails ends with status 1 and says why."""
import sys

import numpy as np
from astropy.io import fits

BAD2DFIT = 128


def save(hdus, path):
    for hdu in hdus:  # the data have changed
        for key in ("CHECKSUM", "DATASUM"):
            hdu.header.remove(key, ignore_missing=True)
    hdus.writeto(path, overwrite=True)


def column_of(psf, fiber, wave):
    """The column of a fiber's trace at a wavelength."""
    header, coefficients = psf["XTRACE"].header, psf["XTRACE"].data[int(fiber)]
    u = 2 * (wave - header["WAVEMIN"]) / (header["WAVEMAX"] - header["WAVEMIN"]) - 1
    return int(round(np.polynomial.legendre.legval(u, coefficients)))


def hot_column(image, psf, fiber, electrons, out):
    """Adds electrons to all pixels of the column on which a fiber's trace lies at 5820 Angstrom."""
    with fits.open(image, memmap=False) as hdus, fits.open(psf) as traces:
        hdus[0].data[:, column_of(traces, fiber, 5820.0)] += float(electrons)
        save(hdus, out)


def scale(image, factor, out):
    """Puts an image into other units: pixels times the factor."""
    with fits.open(image, memmap=False) as hdus:
        hdus["IMAGE"].data = (hdus["IMAGE"].data * float(factor)).astype("f4")
        hdus["IVAR"].data = (hdus["IVAR"].data / float(factor) ** 2).astype("f4")
        save(hdus, out)


def dead_amplifiers(image, out):
    """Masks three of the four quadrants about the middle of the fibers and of the wavelengths."""
    with fits.open(image, memmap=False) as hdus:
        ny, nx = hdus["IVAR"].data.shape
        hdus["IVAR"].data[ny * 4 // 5 :] = 0
        hdus["IVAR"].data[:, nx * 5 // 8 :] = 0
        save(hdus, out)


def set_coefficient(psf, fiber, param, value, out):
    """Sets all coefficients of a parameter (or of XTRACE, YTRACE) of a fiber, and with nan only the second one."""
    with fits.open(psf, memmap=False) as hdus:
        if param in ("XTRACE", "YTRACE"):
            row = hdus[param].data[int(fiber)]
        else:
            rows = [name.strip() for name in hdus["PSF"].data["PARAM"]]
            row = hdus["PSF"].data["COEFF"][rows.index(param)][int(fiber)]
        row[1 if value == "nan" else slice(None)] = float(value)
        save(hdus, out)


def check_flagged(clean, damaged):
    """Most bins that the defect puts off by more than 10 sigma are BAD2DFIT."""
    with fits.open(clean) as a, fits.open(damaged) as b:
        off = np.abs(a["FLUX"].data - b["FLUX"].data) * np.sqrt(a["IVAR"].data) > 10
        flagged = (b["MASK"].data & BAD2DFIT) != 0
    assert off.sum() > 20, f"only {off.sum()} bins are off"
    assert (off & flagged).sum() > 0.9 * off.sum(), f"{(off & flagged).sum()} of {off.sum()} bins are flagged"


def check_unflagged(*frames):
    """No bin is BAD2DFIT, and there are bins with data."""
    for path in frames:
        with fits.open(path) as frame:
            count = ((frame["MASK"].data & BAD2DFIT) != 0).sum()
            assert count == 0, f"{path}: {count} bins are flagged"
            assert (frame["IVAR"].data > 0).sum() > 50, f"{path}: no data"


def check_same_flux(frame, scaled, factor):
    """The flux is that of the other units to 1e-5 sigma, and the masks are the same."""
    with fits.open(frame) as a, fits.open(scaled) as b:
        factor = float(factor)
        sigma = np.sqrt(a["IVAR"].data.astype(float))
        off = (np.abs(b["FLUX"].data / factor - a["FLUX"].data.astype(float)) * sigma).max()
        ivar = b["IVAR"].data.astype(float) * factor**2
        assert off < 1e-5, f"off by {off} sigma"
        assert np.allclose(ivar, a["IVAR"].data, rtol=1e-5, atol=0), "IVAR differs"
        assert (a["MASK"].data == b["MASK"].data).all(), "MASK differs"


def check_one_lost(frame, dark, fiber, tolerance="0"):
    """The fiber has no data, and the others are those of a frame in which it is dark: bit by bit, or to a tolerance
    in sigma."""
    with fits.open(frame) as a, fits.open(dark) as b:
        fiber = int(fiber)
        assert (a["IVAR"].data[fiber] == 0).all() and (a["FLUX"].data[fiber] == 0).all(), "the fiber has data"
        assert (a["MASK"].data[fiber] != 0).all(), "the fiber is not masked"
        for name in ("FLUX", "IVAR", "MASK", "RESOLUTION", "CHI2PIX"):
            one, other = (np.delete(hdus[name].data, fiber, axis=0) for hdus in (a, b))
            same = float(tolerance) > 0 or one.tobytes() == other.tobytes()
            assert same, f"{name} of the other fibers differs"
        off = (np.abs(a["FLUX"].data - b["FLUX"].data) * np.sqrt(b["IVAR"].data)).max()
        assert off <= float(tolerance), f"the other fibers are off by {off} sigma"
        assert (np.delete(a["IVAR"].data, fiber, axis=0) > 0).mean() > 0.9, "the other fibers have no data"


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except AssertionError as failure:
        sys.exit(f"{' '.join(sys.argv[1:])}: {failure}")
