#!/usr/bin/python3
"""Makes defects in images and PSFs, and checks what became of them in frames: one function below each, called as
`defects.py FUNCTION ARGUMENT...`. FIBER counts from 0; a check that fails ends with status 1 and says why."""
import sys
import warnings

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


def compress_ivar(image, method, level, tile, out):
    """Compresses IVAR: method 1 and 2 are SUBTRACTIVE_DITHER_1 and _2, -1 is NO_DITHER; tiles of whole rows, or of
    64 x 32 pixels. Each 7th pixel has ivar 0 before."""
    with fits.open(image, memmap=False) as hdus:
        ivar = hdus["IVAR"].data.copy()
        ivar.ravel()[::7] = 0
        shape = (1, ivar.shape[1]) if tile == "row" else (32, 64)
        packed = fits.CompImageHDU(ivar, name="IVAR", compression_type="RICE_1", quantize_method=int(method),
                                   quantize_level=float(level), tile_shape=shape, dither_seed=5)
        plain = fits.ImageHDU(ivar, name="IVAR")
        save(fits.HDUList([packed if hdu.name == "IVAR" else hdu for hdu in hdus]), out)
        save(fits.HDUList([plain if hdu.name == "IVAR" else hdu for hdu in hdus]), "plain." + out)


def dead_amplifiers(image, out):
    """Masks three of the four quadrants about the middle of the fibers and of the wavelengths."""
    with fits.open(image, memmap=False) as hdus:
        ny, nx = hdus["IVAR"].data.shape
        hdus["IVAR"].data[ny * 4 // 5 :] = 0
        hdus["IVAR"].data[:, nx * 5 // 8 :] = 0
        save(hdus, out)


def fibermap(image, form, fibers, camera, out, name="FIBER", tzero="0", tscal="1", null="-1"):
    """Replaces FIBERMAP by a table with TARGETID = 10000 + FIBER and FIBER in that TFORM, under this name and with
    this scaling; the values given as null become undefined. fibers is a Python expression; form "-" leaves FIBER
    out."""
    numbers = np.array(eval(fibers), dtype="i8")
    columns = [fits.Column("OFFSET", "J", bzero=2**31, array=numbers.astype("u4")),
               fits.Column("TARGETID", "K", array=10000 + numbers)]
    if form[-1] in "BIJK":
        stored = np.array([(int(n) - int(tzero)) // int(tscal) for n in numbers], dtype="i8")
        columns.append(fits.Column(name, form, array=stored, null=-9 if form != "B" else None))
        if (numbers == int(null)).any():
            columns[-1].array[numbers == int(null)] = -9
    elif form != "-":
        columns.append(fits.Column(name, form, array=[str(n) for n in numbers] if "A" in form else numbers))
    columns.append(fits.Column("FIBERSTATUS", "J", array=np.zeros(len(numbers))))
    table = fits.BinTableHDU.from_columns(columns, name="FIBERMAP")
    with fits.open(image, memmap=False) as hdus:
        new = fits.HDUList([table if hdu.name == "FIBERMAP" else hdu for hdu in hdus])
        if camera == "-":
            del new[0].header["CAMERA"]
        else:
            new[0].header["CAMERA"] = camera
        save(new, out)
    if (tzero, tscal) != ("0", "1"):  # astropy would scale the numbers
        with fits.open(out, mode="update", disable_image_compression=True) as hdus:
            key = [k for k, v in hdus["FIBERMAP"].header.items() if v == name and k.startswith("TTYPE")][0][5:]
            hdus["FIBERMAP"].header["TZERO" + key] = int(tzero)
            hdus["FIBERMAP"].header["TSCAL" + key] = int(tscal)


def cut_psf(psf, first, count, fibermin, out):
    """Takes some fibers of a PSF, the first of which is FIBERMIN."""
    first, count = int(first), int(count)
    with fits.open(psf, memmap=False) as hdus:
        rows = slice(first, first + count)
        table = hdus["PSF"]
        columns = [fits.Column("PARAM", table.columns["PARAM"].format, array=table.data["PARAM"])]
        coefficients = table.data["COEFF"].reshape(len(table.data), -1, int(table.header["LEGDEG"]) + 1)[:, rows]
        columns.append(fits.Column("COEFF", f"{coefficients[0].size}D", dim=f"({coefficients.shape[2]},{count})",
                                   array=coefficients))
        new = fits.BinTableHDU.from_columns(columns, name="PSF")
        for card in table.header.cards:
            if card.keyword not in new.header and not card.keyword.startswith(("TTYPE", "TFORM", "TDIM")):
                new.header.append(card)
        for name in ("XTRACE", "YTRACE"):
            hdus[name].data = hdus[name].data[rows]
        out_hdus = fits.HDUList([hdus["XTRACE"], hdus["YTRACE"], new])
        for hdu in out_hdus:
            hdu.header["FIBERMIN"], hdu.header["FIBERMAX"] = int(fibermin), int(fibermin) + count - 1
        save(out_hdus, out)


def set_camera(path, hdu, camera, out):
    with fits.open(path, memmap=False) as hdus:
        hdus[hdu].header["CAMERA"] = camera
        save(hdus, out)


def replace_card(path, hdu, card, out):
    """Puts a card, whose escapes such as \\xc3 are bytes, in the place of that of its keyword, or else of CHECKSUM,
    and blanks the checksums of the HDU."""
    text = card.encode("latin1").decode("unicode_escape").encode("latin1").ljust(80)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    name = data.find(f"EXTNAME = '{hdu}".encode())
    start = max(data.rfind(b"SIMPLE  =", 0, name), data.rfind(b"XTENSION=", 0, name))
    place = data.find(text[:9], start, data.find(b"END" + b" " * 77, start)) if text[8:9] == b"=" else -1
    for key in (b"CHECKSUM=", b"DATASUM ="):
        at = data.find(key, start)
        place = at if place < 0 else place
        data[at : at + 80] = b" " * 80
    data[place : place + 80] = text[:80]
    with open(out, "wb") as file:
        file.write(data)


def flip_bit(path, hdu, out):
    """Flips one bit of an HDU's data and leaves its checksums as they are."""
    with fits.open(path) as hdus:
        at = hdus[hdu].fileinfo()["datLoc"] + 40
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[at] ^= 1
    with open(out, "wb") as file:
        file.write(data)


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


def check_still_dead(frame, other):
    """What lies on unusable pixels in the other frame does so in this one, which lost some faint ivar, too."""
    with fits.open(frame) as a, fits.open(other) as b:
        for bit in (1, 2):
            lost = (b["MASK"].data & bit != 0) & (a["MASK"].data & bit == 0)
            assert not lost.any(), f"bit {bit} of MASK is lost in {lost.sum()} bins"
        assert (a["MASK"].data != b["MASK"].data).mean() < 0.2, "MASK differs"
        good = (a["IVAR"].data > 0) & (b["IVAR"].data > 0)
        ratio = a["IVAR"].data[good] / b["IVAR"].data[good]
        assert good.mean() > 0.5 and 0.8 < np.median(ratio) < 1.25, f"IVAR: {np.median(ratio)}"


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


def check_readable(frame):
    """astropy takes all headers, checksums and data without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(frame, checksum=True) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                assert len(list(hdu.header.items())) > 0 and hdu.data is not None


def check_fibers(frame, fibermin, fibers, unknown="[]"):
    """FIBERMIN and FIBERMAP's FIBER, with TARGETID 10000 + FIBER but for those that are unknown."""
    expected, unknown = np.array(eval(fibers)), eval(unknown)
    with fits.open(frame) as hdus:
        table = hdus["FIBERMAP"].data
        column = [name for name in table.names if name.upper() == "FIBER"][0]
        got = np.array(table[column]).astype(int)
        assert hdus[0].header["FIBERMIN"] == int(fibermin), f"FIBERMIN {hdus[0].header['FIBERMIN']}"
        assert (got == expected).all(), f"FIBER {got}"
        for fiber, target, offset, status in zip(got, table["TARGETID"], table["OFFSET"], table["FIBERSTATUS"]):
            known = fiber not in unknown
            right = (10000 + fiber, fiber, 0) if known else (0, 0, 257)
            assert (target, offset, status) == right, f"fiber {fiber}: {target}, {offset}, {status}"


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except AssertionError as failure:
        sys.exit(f"{' '.join(sys.argv[1:])}: {failure}")
