#!/usr/bin/python3
"""compare_reference.py FRAME REFERENCE: the frame agrees with what gpu_specter extracted, within
the tolerances below, and its masks follow desispec's rules."""
import sys

import fitsio
import numpy as np

SOMEBADPIX, ALLBADPIX, BAD2DFIT = 1, 2, 128
UNUSABLE = 1 - 1e-6  # PIXMASKFRAC beyond it: no usable pixel


def main(frame_path, reference_path):
    frame, reference = fitsio.FITS(frame_path), fitsio.FITS(reference_path)
    header = frame["FLUX"].read_header()
    first = int(np.flatnonzero(reference["SPECTRA"].read() == header["FIBERMIN"] % 500)[0])
    rows = slice(first, first + header["NSPEC"])
    flux, ivar, resolution, chi2pix, mask = (
        frame[name].read() for name in ("FLUX", "IVAR", "RESOLUTION", "CHI2PIX", "MASK")
    )
    ref = {name: reference[name].read()[rows] for name in ("FLUX", "IVAR", "RESOLUTION", "PIXMASKFRAC", "CHI2PIX")}
    failures = 0

    def check(name, excess, where):
        """excess: the difference over its tolerance"""
        nonlocal failures
        excess = np.where(where, excess, 0)
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        ok = np.all(excess <= 1)  # false for NaN
        failures += not ok
        print(f"{name:12s} {excess[worst]:8.3g} of its tolerance, at {[int(i) for i in worst]}", "" if ok else "FAILED")

    check("wavelength", abs(frame["WAVELENGTH"].read() - reference["WAVELENGTH"].read()) / 1e-9, True)
    fraction = ref["PIXMASKFRAC"]
    used = fraction <= UNUSABLE
    snr = np.sqrt(ref["IVAR"])
    check("flux", abs(flux - ref["FLUX"]) * snr / (1e-5 + 2e-7 * abs(ref["FLUX"]) * snr), used)
    check("ivar", abs(ivar - ref["IVAR"]) / ref["IVAR"] / (1e-5 + 2e-7), used)
    check("chi2pix", abs(chi2pix - ref["CHI2PIX"]) / np.maximum(abs(ref["CHI2PIX"]), 1e-30) / 1e-4, used)

    # resolution[s, k, j] = R_s[j - h + k, j], so that row w of R lies at j = w + h - k
    ndiag, nwave = resolution.shape[1:]
    wave = np.arange(nwave)[None] + np.arange(ndiag)[:, None] - ndiag // 2
    inside = (wave >= 0) & (wave < nwave)
    where = inside & used[:, np.clip(wave, 0, nwave - 1)]
    check("resolution", abs(resolution - ref["RESOLUTION"]) / 1e-5, where)

    empty = ~used
    check("empty bins", np.maximum(abs(flux), abs(ivar)) * 1e30, empty)
    expected = np.where(fraction > 0.5, SOMEBADPIX, 0) | np.where(empty, ALLBADPIX, 0)
    limit = 5 * np.maximum(np.median(chi2pix, axis=0)[None], np.median(chi2pix, axis=1)[:, None])
    expected |= np.where(chi2pix > limit, BAD2DFIT, 0)
    unsure = (abs(fraction - 0.5) < 1e-6) | (abs(chi2pix - limit) < 1e-5 * limit)  # depends on rounding
    check("mask", (mask != expected) * 2.0, ~unsure)
    if used.mean() < 0.99 or unsure.mean() > 0.01:
        failures += 1
        print("too few bins are compared: FAILED")
    print(f"{used.sum()} bins compared, {empty.sum()} empty, {unsure.sum()} masks unsure,", end=" ")
    print(", ".join(f"{(mask & bit > 0).sum()} with bit {bit}" for bit in (SOMEBADPIX, ALLBADPIX, BAD2DFIT)))
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], sys.argv[2]) else 0)
