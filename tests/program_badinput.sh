#!/usr/bin/env bash
# Files that are missing, damaged, or do not fit: one line that names the file and the cause, and nothing in the
# output folder. Odd but legal names work.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
mkdir -m 777 out
small_image 25 $grid

# extract NAME STATUS REGEX IMAGE PSF FRAME [OPTION...], by way of "${runner[@]}"
extract()
{
    expect_fail "$1" "$2" "$3" "${runner[@]}" "$UNSPOT" extract -i "$4" -p "$5" -o "$6" -w $range -n 25 \
        --loglevel error "${@:7}"
}
runner=()
range=$grid

# bad_file NAME REGEX FILE: as the image and as the PSF; REGEX follows the name of the file
bad_file()
{
    extract "image: $1" 1 "ERROR: $3: .*$2" "$3" psf.fits out/f.fits
    extract "PSF: $1" 1 "ERROR: $3: .*$2" im.fits "$3" out/f.fits
}

# --- inputs that are no FITS files
mkdir folder
mkfifo pipe.fits
: >empty.fits
echo 'These are not the spectra you are looking for.' >text.fits
head -c 100000 /dev/urandom >noise.fits
bad_file missing 'no such file' missing.fits
bad_file 'missing, in a missing folder' 'no such file' nowhere/missing.fits
bad_file 'a folder' 'directory' folder
bad_file 'a pipe' 'not a regular file' pipe.fits
bad_file empty 'empty' empty.fits
bad_file text 'not a FITS file' text.fits
bad_file noise 'not a FITS file' noise.fits
printf '\037\213' | cat - text.fits >not.fits.gz
bad_file 'not gzip' 'damaged gzip' not.fits.gz

# --- truncated files
gzip -k im.fits psf.fits
for kind in im psf; do
    for suffix in fits fits.gz; do
        size=$(stat -c %s $kind.$suffix)
        for cut in 20 1000 $((size / 2)) $((size - 3000)) $((size - 1)); do
            file=cut-$kind-$cut.$suffix
            head -c "$cut" $kind.$suffix >"$file"
            regex="ERROR: $file: .*(truncated|not a FITS file)"
            if [ $kind = im ]; then
                extract "truncated $file" 1 "$regex" "$file" psf.fits out/f.fits
            else
                extract "truncated $file" 1 "$regex" im.fits "$file" out/f.fits
            fi
        done
    done
done
cat im.fits.gz psf.fits.gz | head -c -1000 >second.fits.gz
bad_file 'the second gzip member is truncated' 'truncated gzip' second.fits.gz
mv psf.fits.gz im.fits.gz folder/

# --- FITS files that are something else
cat >make_files.py <<'PYTHON'
import fitsio

source = fitsio.FITS("im.fits")
image, ivar, header = source["IMAGE"].read(), source["IVAR"].read(), source["IMAGE"].read_header()


def write(path, **hdus):
    with fitsio.FITS(path, "rw", clobber=True) as out:
        for name, data in hdus.items():
            out.write(data, extname=name)


write("no-ivar.fits", IMAGE=image)
write("no-image.fits", IVAR=ivar)
write("other-ivar.fits", IMAGE=image, IVAR=ivar[:-1])
write("cube.fits", IMAGE=image[None], IVAR=ivar)
write("float-mask.fits", IMAGE=image, IVAR=ivar, MASK=ivar)
write("other-size.fits", IMAGE=image[:, :-1].copy(), IVAR=ivar[:, :-1].copy())

source = fitsio.FITS("psf.fits")


def write_psf(path, rows, change=None, leave=()):
    """psf.fits with some rows of its table, changed keywords, or without some HDUs"""
    with fitsio.FITS(path, "rw", clobber=True) as out:
        for hdu in source:
            name, header = hdu.get_extname(), hdu.read_header()
            if name in leave:
                continue
            header.clean()
            for key, value in (change or {}).items():
                if key in header:
                    header[key] = value
            out.write(hdu.read()[rows] if name == "PSF" else hdu.read(), header=header, extname=name)


param = [text.strip() for text in source["PSF"].read()["PARAM"]]
everything = slice(None)
for row in "GHSIGX", "GHSIGY", "GH-0-0":
    write_psf(f"no-{row}.fits", [name != row for name in param])
write_psf("no-ytrace.fits", everything, leave=["YTRACE"])
write_psf("no-table.fits", everything, leave=["PSF"])
write_psf("spots.fits", everything, change={"PSFTYPE": "SPOTGRID"})
write_psf("version-9.fits", everything, change={"PSFVER": 9})
write_psf("no-pixels.fits", everything, change={"NPIX_X": 0})
PYTHON
$python make_files.py || fail 'make_files.py'

image() # NAME REGEX FILE
{
    extract "$1" 1 "ERROR: $3: .*$2" "$3" psf.fits out/f.fits
}
psf() # NAME REGEX FILE
{
    extract "$1" 1 "ERROR: $3: .*$2" im.fits "$3" out/f.fits
}
image 'image without IVAR' 'no HDU IVAR' no-ivar.fits
image 'image without IMAGE' 'no HDU IMAGE' no-image.fits
image 'IVAR of another size' 'IVAR .*375 x 639.* 375 x 640' other-ivar.fits
image 'image of three dimensions' 'IMAGE .*3 dimensions' cube.fits
image 'mask of floats' 'MASK .*floating-point' float-mask.fits
image 'a PSF as the image' 'no HDU IMAGE' psf.fits
psf 'an image as the PSF' 'not a PSF' im.fits
psf 'PSF without GHSIGX' 'no row GHSIGX' no-GHSIGX.fits
psf 'PSF without GHSIGY' 'no row GHSIGY' no-GHSIGY.fits
psf 'PSF without GH-0-0' 'no row GH-0-0' no-GH-0-0.fits
psf 'PSF without YTRACE' 'no HDU YTRACE' no-ytrace.fits
psf 'PSF without its table' 'no HDU PSF' no-table.fits
psf 'PSF of another type' 'SPOTGRID is not supported' spots.fits
psf 'PSF of a future version' 'PSFVER "9" is not supported' version-9.fits
psf 'PSF of an empty CCD' 'NPIX_X is 0' no-pixels.fits
extract 'PSF and image of different size' 1 'psf.fits.*375 x 640.*other-size.fits.*374 x 640' other-size.fits \
    psf.fits out/f.fits

# --- requests that the files cannot fulfil
for range in 3000,3100,1 5800,9000,1; do
    extract 'wavelengths beyond the PSF' 2 "--wavelength $range: .*psf.fits is defined from" im.fits psf.fits out/f.fits
done
range=$grid
range=5800,5880,0.05
extract 'patches too large for the dense solver' 2 \
    '--nwavestep 1600: a patch of 25 spectra and 1624 wavelengths is too large for the dense solver: ' \
    im.fits psf.fits out/f.fits --solver dense --nwavestep 1600 --nsubbundles 1
range=$grid
extract 'first spectrum beyond the PSF' 2 '--specmin 25: .*psf.fits has spectra 0 to 24' im.fits psf.fits out/f.fits -s 25

# --- outputs
mkdir out/folder.fits
for option in -o -m --timing; do
    bad_output() # NAME REGEX PATH
    {
        local files=(out/f.fits "$option" "$3")
        [ $option != -o ] || files=("$3")
        extract "$option: $1" 1 "ERROR: $3: .*$2" im.fits psf.fits "${files[@]}"
    }
    bad_output 'in a missing folder' 'no directory .*nowhere' nowhere/x.fits
    bad_output 'a folder' 'directory' out/folder.fits
    bad_output 'in a file' 'directory' im.fits/x.fits
    bad_output 'in a folder that nobody can write to' 'cannot write' /proc/x.fits
done
if [ "$(id -u)" -ne 0 ]; then
    become=(env)
else
    become=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
if "${become[@]}" "$UNSPOT" --version >log.check 2>&1 && "${become[@]}" test -r im.fits; then
    runner=("${become[@]}")
    mkdir -m 555 closed
    cp im.fits unreadable.fits && chmod 0 unreadable.fits
    extract 'output folder not writable' 1 'ERROR: closed/f.fits: .*Permission' im.fits psf.fits closed/f.fits
    bad_file unreadable 'Permission' unreadable.fits
    runner=()
else
    echo 'left out: permissions, because root cannot become somebody who can run the program here'
fi

# --- full disks: a limit of the size of a file, and a small file system
limit() # KiB COMMAND...
{
    (ulimit -f "$1" && shift && exec "$@")
}
range=5600,7700,0.8 # mostly beyond the edge of the CCD: fast, but some MB; below 1 MiB, TSan does not work
runner=(limit 1024)
extract 'file size limit' 1 'ERROR: out/f.fits: .*(too large|space)' im.fits psf.fits out/f.fits
extract 'file size limit, gzipped' 1 'ERROR: out/f.fits.gz: .*(too large|space)' im.fits psf.fits out/f.fits.gz
range=$grid
mkdir full
extract 'file size limit, model' 1 'ERROR: full/m.fits: .*(too large|space)' im.fits psf.fits full/f.fits -m full/m.fits
check 'file size limit, model: only the frame is left' test "$(ls -A full)" = f.fits

small_disk() # KiB COMMAND...: with a file system of that size in full/; then the names in it into full.left
{
    # shellcheck disable=SC2016
    unshare --mount bash -c 'mount -t tmpfs -o size="$1k" unspot full && shift && "$@"
        status=$?; ls -A full >full.left; exit $status' - "$@"
}
if small_disk 64 true 2>log.check; then
    for name in f.fits f.fits.gz; do
        runner=(small_disk 64)
        extract "full disk, $name" 1 "ERROR: full/$name: .*No space" im.fits psf.fits full/$name
        check "full disk, $name: nothing is left" test ! -s full.left
    done
    runner=(small_disk 1024)
    extract 'full disk, model' 1 'ERROR: full/m.fits: .*No space' im.fits psf.fits full/f.fits -m full/m.fits
    check 'full disk, model: only the frame is left' test "$(cat full.left)" = f.fits
else
    echo 'left out: a full file system, because it cannot be mounted here:' "$(head -n 1 log.check)"
fi
runner=()

# --- names that CFITSIO would read as expressions
for names in 'im[1:2].fits psf(1).fits o+(1).fits' 'a+b.fits p[PSF].fits o[2].fits.gz' '~im.fits !psf.fits !o.fits' \
    'mem.fits stdin.fits - ' '-im.fits -psf.fits -o.fits'; do
    read -r image psf frame <<<"$names"
    cp im.fits "./$image" && cp psf.fits "./$psf"
    check "names $names" "$UNSPOT" extract -i "$image" -p "$psf" -o "$frame" -w $grid -n 25
    check "names $names: the frame exists" test -s "./$frame"
done
mkdir 'a folder'
cp im.fits 'a folder/the image.fits'
check 'names with blanks' "$UNSPOT" extract -i 'a folder/the image.fits' -p psf.fits -o 'a folder/ a frame.fits' \
    -w $grid -n 25
check 'names with blanks: the frame exists' test -s 'a folder/ a frame.fits'
finish
