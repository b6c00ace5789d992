#!/usr/bin/python3
"""same_data.py A B [FIRST COUNT]: the HDUs of the FITS files A and B are the same, bit by bit: names, types, shapes,
data and checksums; headers may differ. With FIRST and COUNT, A holds these spectra of B, and bit BAD2DFIT of MASK,
which depends on medians over all spectra, is not compared."""
import sys

import fitsio
import numpy as np

BAD2DFIT = 128


def main(path_a, path_b, rows=None):
    a, b = fitsio.FITS(path_a), fitsio.FITS(path_b)
    names = [[hdu.get_extname() for hdu in file] for file in (a, b)]
    if names[0] != names[1]:
        return f"HDUs {names[0]} and {names[1]}"
    for hdu_a, hdu_b, name in zip(a, b, names[0]):
        data_a, data_b = hdu_a.read(), hdu_b.read()
        if rows is None:
            if hdu_a.read_header()["DATASUM"] != hdu_b.read_header()["DATASUM"]:
                return f"{name}: different DATASUM"
        elif name != "WAVELENGTH":
            data_b = data_b[rows]
            if name == "MASK":
                data_a, data_b = data_a & ~np.uint32(BAD2DFIT), data_b & ~np.uint32(BAD2DFIT)
        if data_a.dtype != data_b.dtype or data_a.shape != data_b.shape:
            return f"{name}: {data_a.dtype} {data_a.shape} and {data_b.dtype} {data_b.shape}"
        if data_a.tobytes() != data_b.tobytes():
            return f"{name}: different data"
    return None


if __name__ == "__main__":
    first, count = (int(text) for text in sys.argv[3:5]) if len(sys.argv) > 3 else (0, 0)
    difference = main(sys.argv[1], sys.argv[2], slice(first, first + count) if count else None)
    sys.exit(f"{sys.argv[1]}, {sys.argv[2]}: {difference}" if difference else 0)
