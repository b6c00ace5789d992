#!/usr/bin/python3
"""The files as their readers see them: astropy, fitsio and the habits of desispec (io/README.md).

Environment: UNSPOT, the program; UNSPOT_REFERENCE, the folder of the reference data. Works in a fresh folder under
the current one and removes it."""
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from functools import lru_cache

sys.dont_write_bytecode = True  # none beside the sources
try:
    import fitsio
    import numpy as np
    from astropy.io import fits

    import same_data
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

UNSPOT = os.path.abspath(os.environ["UNSPOT"])
REFERENCE = os.path.abspath(os.environ.get("UNSPOT_REFERENCE", "/nonexistent"))
LAYOUT = os.path.join(REFERENCE, "frame-desispec-layout.fits")
NX, NY = 600, 640  # a CCD cut to the corner that is needed, so that everything is fast
NFIBER, FIRST, NSPEC = 50, 25, 25
RANGE, WAVE = "5800,5880,0.8", 5800 + 0.8 * np.arange(101)
NWAVE, NDIAG, HALF = len(WAVE), 11, 5
STRUCTURE = "SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT EXTEND EXTNAME BUNIT CHECKSUM DATASUM".split()


class Skip(Exception):
    pass


def unspot(*arguments):
    done = subprocess.run([UNSPOT, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def extract(image, frame, *options):
    files = "-i", image, "-p", "psf.fits", "-o", frame
    return unspot("extract", *files, "-w", RANGE, "-s", FIRST, "-n", NSPEC, *options)


def make_psf():
    unspot("make-psf", "--nspec", NFIBER, "-o", "large.fits")
    with open("large.fits", "rb") as file:
        text = file.read()
    for key, old, new in (b"NPIX_X", 4114, NX), (b"NPIX_Y", 4128, NY):
        text = text.replace(b"%-8s= %20d" % (key, old), b"%-8s= %20d" % (key, new))
    with open("psf.fits", "wb") as file:
        file.write(text)


def rich_fibermap(table):
    """columns of all types that DESI uses, and some more"""
    rng = np.random.default_rng(1)
    n = len(table)
    columns = [
        fits.Column("FIBER", "J", array=1500 + np.arange(n)),
        fits.Column("TARGETID", "K", array=np.array(table["TARGETID"])),
        fits.Column("FIBER_X", "E", unit="mm", array=rng.normal(size=n)),
        fits.Column("TARGET_RA", "D", unit="deg", array=rng.normal(size=n)),
        fits.Column("OBJTYPE", "3A", array=np.array(["TGT", "SKY"] * (n // 2))),
        fits.Column("MORPHTYPE", "4A", array=np.array(["", "REX "] * (n // 2))),
        fits.Column("NUMOBS", "B", array=np.arange(n)),
        fits.Column("BITS", "11X", array=rng.random((n, 11)) > 0.5),
        fits.Column("GOOD", "L", array=np.arange(n) % 3 == 0),
        fits.Column("UNSIGNED", "I", bzero=32768, array=np.arange(n, dtype=np.uint16) + 40000),
        fits.Column("FLUX_GRZ", "3E", array=rng.normal(size=(n, 3))),
        fits.Column("MATRIX", "6I", dim="(2,3)", array=rng.integers(0, 100, (n, 3, 2))),
        fits.Column("Z", "D", array=np.full(n, np.nan)),
    ]
    return fits.BinTableHDU.from_columns(columns, name="FIBERMAP")


def make_image():
    """A simulated image with the header, the mask and the table of real ones"""
    unspot("simulate", "-p", "psf.fits", "-o", "simulated.fits", "--truth", "truth.fits", "-w", RANGE)
    with fits.open("simulated.fits") as simulated:
        image, ivar = simulated["IMAGE"].data, simulated["IVAR"].data.copy()
        mask = simulated["MASK"].data.astype(np.int16)
        header, table = simulated["IMAGE"].header.copy(), rich_fibermap(simulated["FIBERMAP"].data)
    header["CAMERA"] = "R3"
    header["BUNIT"] = "electron"
    header["HIERARCH TELESCOPE FOCUS OFFSET"] = 1.5, "mm"
    header["LONGTEXT"] = "a text that needs several cards " * 6
    header["QUOTED"] = "the fiber's light"
    header["DOMEOPEN"] = True
    header["NOTHING"] = fits.card.UNDEFINED, "no value"
    header["AIRMASS"] = 1.0233412341234
    header["DEPNAM00"], header["DEPVER00"] = "desispec", "0.71"
    header["DEPNAM01"], header["DEPVER01"] = "specex", "0.9"
    header.add_blank("a blank keyword")
    for i in range(3):
        header["COMMENT"] = f"comment {i}"
        header["HISTORY"] = f"history {i}"
    header["LAST"] = 1
    compressed = fits.CompImageHDU(mask, name="MASK", compression_type="RICE_1")  # by rows
    ivar[300, 240] = 0
    ivar[500:526, 300:326] = 0  # all pixels of some bins
    hdus = [fits.PrimaryHDU(image, header), fits.ImageHDU(ivar, name="IVAR"), compressed,
            fits.ImageHDU(np.full((NY, NX), 3, np.float32), name="READNOISE"), table]
    fits.HDUList(hdus).writeto("im.fits", checksum=True, output_verify="exception")
    fits.HDUList([fits.PrimaryHDU(image, header), fits.ImageHDU(ivar, name="IVAR")]).writeto("plain.fits")


def read(path):
    """All data and headers, without a warning and with good checksums"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A compressed image's checksums are those of the table that holds it, and astropy 7 knows none of the image.
        with fits.open(path, checksum=True, memmap=False, disable_image_compression=True) as hdus:
            for hdu in hdus:
                assert hdu.verify_checksum() == 1 and hdu.verify_datasum() == 1, hdu.name
        with fits.open(path, checksum=True, memmap=False) as hdus:
            hdus.verify("exception")
            return [(hdu.name, hdu.header, hdu.data) for hdu in hdus]


@lru_cache(maxsize=None)
def frame_hdus():
    extract("im.fits", "frame.fits", "-m", "model.fits")
    return read("frame.fits")


def frame(name):
    return next(data for extname, _, data in frame_hdus() if extname == name)


def header(name="FLUX"):
    return next(header for extname, header, _ in frame_hdus() if extname == name)


def row_of_r():
    """row of R and whether it exists, of each element of RESOLUTION: data[k, j] = R[j - h + k, j]"""
    row = np.arange(NWAVE)[None] + np.arange(NDIAG)[:, None] - HALF
    return np.clip(row, 0, NWAVE - 1), (row >= 0) & (row < NWAVE)


def apply_r(spectra):
    """R f of each spectrum"""
    row, inside = row_of_r()
    result = np.zeros((NSPEC, NWAVE))
    for s in range(NSPEC):
        np.add.at(result[s], row[inside], (frame("RESOLUTION")[s] * spectra[s])[inside])
    return result


# ---- the checks


def astropy_reads_frame():
    shape = (NSPEC, NWAVE)
    expected = {"FLUX": (">f4", shape), "IVAR": (">f4", shape), "MASK": ("uint32", shape),
                "WAVELENGTH": (">f8", (NWAVE,)), "RESOLUTION": (">f4", (NSPEC, NDIAG, NWAVE)),
                "FIBERMAP": (None, (NSPEC,)), "CHI2PIX": (">f4", shape), "SCORES": (None, (NSPEC,))}
    assert [name for name, _, _ in frame_hdus()] == list(expected)
    for name, (dtype, shape) in expected.items():
        data = frame(name)
        assert data.shape == shape and dtype in (None, data.dtype.str, str(data.dtype)), (name, data.dtype, data.shape)
    with fits.open("frame.fits", do_not_scale_image_data=True) as raw:
        mask = raw["MASK"].header
        assert (mask["BITPIX"], mask["BZERO"], mask.get("BSCALE", 1)) == (32, 2147483648, 1)
    assert header()["BUNIT"] == "electron/Angstrom" and header("WAVELENGTH")["BUNIT"] == "Angstrom"


def astropy_reads_gzipped_frame():
    frame_hdus()
    extract("im.fits", "frame.fits.gz")
    read("frame.fits.gz")
    difference = same_data.main("frame.fits.gz", "frame.fits")
    assert difference is None, difference


def astropy_reads_model():
    frame_hdus()
    ((name, head, model),) = read("model.fits")
    assert name == "MODEL" and model.dtype == ">f8" and model.shape == (NY, NX), (name, model.dtype, model.shape)
    assert head["CAMERA"] == "r3" and np.all(np.isfinite(model))
    light = np.sum(frame("FLUX")) * 0.8  # spots have sum 1
    assert abs(model.sum() / light - 1) < 1e-5, model.sum() / light


def astropy_reads_simulation():
    for path in "simulated.fits", "truth.fits", "large.fits":
        hdus = read(path)
        if path == "simulated.fits":
            assert [name for name, _, _ in hdus] == "IMAGE IVAR MASK READNOISE FIBERMAP".split()
        if path == "large.fits":
            assert [name for name, _, _ in hdus] == "XTRACE YTRACE PSF".split()


def fitsio_reads_all():
    frame_hdus()
    for path in "frame.fits", "model.fits", "simulated.fits", "truth.fits", "large.fits":
        with fitsio.FITS(path) as file:
            for hdu in file:
                assert hdu.get_exttype() and hdu.read() is not None and len(hdu.read_header()) > 3
    with fitsio.FITS("frame.fits") as file:
        types = {hdu.get_extname(): hdu.read().dtype.str for hdu in file}
    assert [types[name][1:] for name in ("FLUX", "IVAR", "MASK", "WAVELENGTH", "RESOLUTION")] == [
        "f4", "f4", "u4", "f8", "f4"], types


def layout_is_desispecs():
    if not os.path.exists(LAYOUT):
        raise Skip(f"there is no {LAYOUT}")
    sizes = {51: "nwave", 25: "nspec", 11: "ndiag"}, {NWAVE: "nwave", NSPEC: "nspec", NDIAG: "ndiag"}

    def structure(hdus, sizes):
        result = []
        for hdu in hdus:
            head = hdu.header
            axes = [head[f"NAXIS{i + 1}"] for i in range(head["NAXIS"])]
            described = [hdu.name, head.get("XTENSION"), head["BITPIX"], head.get("BZERO"), head.get("BUNIT")]
            if hdu.name == "FIBERMAP":
                described.append(sizes.get(axes[1]))
            elif hdu.name == "SCORES":
                described += [axes[0], sizes.get(axes[1])]
                described += [head[key] for key in head if key[:5] in ("TTYPE", "TFORM")]
                described += [head.comments[key] for key in head if key[:5] == "TTYPE"]
            else:
                described += [sizes.get(axis, axis) for axis in axes]
            result.append(described)
        return result

    frame_hdus()
    raw = {"do_not_scale_image_data": True}
    with fits.open(LAYOUT, **raw) as desi, fits.open("frame.fits", **raw) as ours:
        for theirs, mine in zip(structure(desi, sizes[0]), structure(ours, sizes[1])):
            assert theirs == mine, f"\n{theirs}\n{mine}"
        assert len(desi) == len(ours)
        keys = list(desi[0].header)
        assert len(keys) > keys.index("HELIOCOR") + 1, keys
        for key in keys[keys.index("HELIOCOR") + 1:]:
            assert key in ours[0].header, f"no keyword {key}"
            types = type(desi[0].header[key]), type(ours[0].header[key])
            assert types[0] == types[1], (key, types)
        for theirs, mine in zip(desi, ours):
            assert {"CHECKSUM", "DATASUM", "EXTNAME"} <= set(mine.header), mine.name


def minimal_check():
    head, ivar, mask, wave = header(), frame("IVAR"), frame("MASK"), frame("WAVELENGTH")
    for name in "FLUX", "IVAR", "WAVELENGTH", "RESOLUTION", "CHI2PIX":
        assert np.all(np.isfinite(frame(name))), name
    for name in frame("SCORES").names:
        assert np.all(np.isfinite(frame("SCORES")[name])), name
    assert np.any(ivar == 0)
    assert np.all(ivar >= 0) and np.all(mask[ivar == 0] != 0) and np.all(frame("FLUX")[ivar == 0] == 0)
    assert head["FLAVOR"] in ("none", "flat", "arc", "zero", "bias", "science") and head["CAMERA"] == "r3"
    assert len(frame("FIBERMAP")) == head["NSPEC"] == NSPEC
    assert frame("FIBERMAP")["FIBER"].min() == head["FIBERMIN"] == 1500 + FIRST
    assert np.allclose(wave, head["WAVEMIN"] + head["WAVESTEP"] * np.arange(NWAVE), rtol=0, atol=1e-9)
    assert (head["WAVEMIN"], head["WAVESTEP"]) == (5800, 0.8) and abs(head["WAVEMAX"] - 5880) < 1e-9
    assert head["IN_IMG"] == "im.fits" and head["IN_PSF"] == "psf.fits" and head["SPECTER"].startswith("unspot")


def rows_of_r_sum_to_one():
    sums = apply_r(np.ones((NSPEC, NWAVE)))
    good = frame("MASK") == 0
    good[:, :HALF] = good[:, -HALF:] = False
    assert good.sum() > 0.8 * good.size
    assert np.all(abs(sums[good] - 1) < 0.01), (sums[good].min(), sums[good].max())


def flux_is_r_times_truth():
    truth = {name: data for name, _, data in read("truth.fits")}
    rows = truth["TRUEFLUX"][FIRST : FIRST + NSPEC]
    spectra = np.array([np.interp(WAVE, truth["WAVELENGTH"], row) for row in rows])
    good = (frame("MASK") == 0) & (frame("IVAR") > 0)
    good[:, :HALF] = good[:, -HALF:] = False
    pulls = ((frame("FLUX") - apply_r(spectra)) * np.sqrt(frame("IVAR")))[good]
    limit = 4 / np.sqrt(len(pulls))
    assert abs(pulls.mean()) < limit and abs(pulls.std() - 1) < limit, (pulls.mean(), pulls.std(), limit)


def header_survives():
    with fits.open("im.fits") as image:
        cards = [card.image for card in image[0].header.cards if card.keyword not in STRUCTURE + ["CAMERA"]]
    written = [card.image for card in header().cards]
    assert len(cards) > 20, cards
    assert header()["CAMERA"] == "r3"
    position = -1
    for card in cards:
        assert card in written, f"lost: {card}"
        assert written.index(card) > position, f"out of order: {card}"
        position = written.index(card)
    assert list(header()["HISTORY"]) == [f"history {i}" for i in range(3)]
    assert [text for text in header()["COMMENT"] if text.startswith("comment")] == [f"comment {i}" for i in range(3)]
    names = [header()[f"DEPNAM{i:02d}"] for i in range(4)]
    assert names[:3] == ["desispec", "specex", "unspot"], names


def fibermap_survives():
    with fits.open("im.fits") as image, fits.open("frame.fits") as written:
        theirs, mine = image["FIBERMAP"], written["FIBERMAP"]
        assert theirs.columns.names == mine.columns.names
        for old, new in zip(theirs.columns, mine.columns):
            assert [getattr(old, key) for key in ("name", "format", "unit", "dim", "bzero")] == [
                getattr(new, key) for key in ("name", "format", "unit", "dim", "bzero")], old.name
            expected = theirs.data[old.name][FIRST : FIRST + NSPEC]
            assert np.array_equal(expected, mine.data[old.name], equal_nan=expected.dtype.kind == "f"), old.name


def scores_are_right():
    flux, ivar = frame("FLUX").astype(float), frame("IVAR").astype(float)
    window = (WAVE >= 5800) & (WAVE < 7600)
    expected = {"SUM_RAW_COUNT_R": flux[:, window].sum(axis=1),
                "MEDIAN_RAW_COUNT_R": np.median(flux[:, window] / 0.8, axis=1),
                "MEDIAN_RAW_SNR_R": np.median((np.sqrt(ivar) * flux / np.sqrt(0.8))[:, window], axis=1)}
    assert frame("SCORES").names == list(expected)
    for name, values in expected.items():
        assert np.allclose(frame("SCORES")[name], values, rtol=1e-5, atol=1e-6), name


def bad_fits_are_flagged():
    """A cosmic ray that no mask knows of: BAD2DFIT by desispec's rule, and only there"""
    frame_hdus()
    shutil.copy("plain.fits", "cosmic.fits")
    with fits.open("cosmic.fits", mode="update") as image:
        trace = np.argmax(np.sum(fits.getdata("model.fits")[300:500, 300:], axis=0)) + 300
        image[0].data[400:403, trace : trace + 2] += 30000
    extract("cosmic.fits", "cosmic-frame.fits")
    hdus = {name: data for name, _, data in read("cosmic-frame.fits")}
    chi2pix, mask = hdus["CHI2PIX"], hdus["MASK"]
    limit = 5 * np.maximum(np.median(chi2pix, axis=0)[None], np.median(chi2pix, axis=1)[:, None])
    unsure = abs(chi2pix - limit) < 1e-5 * limit
    flagged = (mask & 128) > 0
    assert np.array_equal(flagged[~unsure], (chi2pix > limit)[~unsure])
    assert 1 <= flagged.sum() < 100, flagged.sum()


def optional_hdus_may_be_missing():
    said = extract("plain.fits", "plain-frame.fits")
    assert "FIBERMAP" in said, said
    hdus = read("plain-frame.fits")
    assert [name for name, _, _ in hdus] == "FLUX IVAR MASK WAVELENGTH RESOLUTION CHI2PIX SCORES".split()
    assert hdus[0][1]["FIBERMIN"] == 1500 + FIRST, hdus[0][1]["FIBERMIN"]
    assert np.all(np.isfinite(hdus[0][2])) and np.mean(hdus[1][2] > 0) > 0.99


def compressed_image_gives_the_same():
    fpack = shutil.which("fpack")
    if not fpack:
        raise Skip("there is no fpack (Debian: libcfitsio-bin)")
    frame_hdus()
    subprocess.run([fpack, "-g", "-q", "0", "im.fits"], check=True)
    extract("im.fits.fz", "fz.fits")
    difference = same_data.main("fz.fits", "frame.fits")
    assert difference is None, difference
    mine, theirs = header(), read("fz.fits")[0][1]
    different = [key for key in set(mine) | set(theirs) if key not in ("IN_IMG", "CHECKSUM", "HISTORY", "COMMENT", "")
                 and mine.get(key) != theirs.get(key)]
    assert not different, [(key, mine.get(key), theirs.get(key)) for key in different]
    assert list(mine["HISTORY"]) == list(theirs["HISTORY"])


CHECKS = [astropy_reads_frame, astropy_reads_gzipped_frame, astropy_reads_model, astropy_reads_simulation,
          fitsio_reads_all, layout_is_desispecs, minimal_check, rows_of_r_sum_to_one, flux_is_r_times_truth,
          header_survives, fibermap_survives, scores_are_right, bad_fits_are_flagged, optional_hdus_may_be_missing,
          compressed_image_gives_the_same]


def main():
    failed, skipped = 0, 0
    make_psf()
    make_image()
    for check in CHECKS:
        try:
            check()
        except Skip as why:
            skipped += 1
            print(f"left out: {check.__name__}: {why}")
        except Exception:
            failed += 1
            print(f"FAILED: {check.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(CHECKS) - failed - skipped} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="readers.", dir=".") as folder:
        before = os.getcwd()
        os.chdir(folder)
        try:
            status = main()
        finally:
            os.chdir(before)
    sys.exit(status)
