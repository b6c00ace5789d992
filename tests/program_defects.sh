#!/usr/bin/env bash
# Defects of an image or a PSF: what they spoil is masked, and no more; what could be wrong without a word has one.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python numpy astropy
mkdir out

defects() # FUNCTION ARGUMENT...
{
    $python "$tests/defects.py" "$@"
}

extract() # IMAGE FRAME [OPTION...]
{
    "$UNSPOT" extract -i "$1" -p psf.fits -o "$2" -w $grid --loglevel warn "${@:3}"
}

# warned NAME REGEX: log.check, of the check before, has one line, a warning with REGEX
warned()
{
    check "$1: one line" test "$(wc -l <log.check.kept)" = 1
    check "$1: the text" grep -qE "^WARNING: .*$2" log.check.kept
}
run() # NAME COMMAND...: it succeeds; its log is log.check.kept
{
    check "$@"
    cp log.check log.check.kept
}

fails() # COMMAND...
{
    ! "$@"
}

small_image 10 $grid
cp psf.fits psf.whole.fits

# --- a hot column along a fiber, which no mask has
for electrons in 100 300 3000; do
    defects hot_column im.fits psf.fits 3 $electrons hot$electrons.fits || exit 1
done
for spectra in '-n 10' '-s 3 -n 1' '-s 2 -n 2' '-s 1 -n 5'; do
    check_quiet "clean, $spectra" extract im.fits clean.fits $spectra
    check "clean, $spectra: nothing is flagged" defects check_unflagged clean.fits
    for electrons in 300 3000; do
        check_quiet "hot column of $electrons, $spectra" extract hot$electrons.fits hot.fits $spectra
        check "hot column of $electrons, $spectra: flagged" defects check_flagged clean.fits hot.fits
    done
done
check 'all fibers' extract im.fits clean.fits -n 10
check 'a faint hot column' extract hot100.fits hot.fits -n 10
check 'a faint hot column: flagged' defects check_flagged clean.fits hot.fits
echo "hot300.fits psf.fits out/hot.fits $grid" >tasks.txt
check 'a hot column in a batch' "$UNSPOT" batch tasks.txt -- -n 10
check 'a hot column in a batch: flagged' defects check_flagged clean.fits out/hot.fits
check "desispec's rule" extract hot300.fits hot.fits -n 10 --bad2dfit desispec
check "desispec's rule misses it" fails defects check_flagged clean.fits hot.fits

# --- three dead amplifiers: what they leave is good
defects dead_amplifiers im.fits dead.fits || exit 1
check 'three dead amplifiers' extract dead.fits dead.frame.fits -n 10
check 'three dead amplifiers: the rest is unflagged' defects check_unflagged dead.frame.fits

# --- zeros of IVAR that compression has made small numbers
for tile in row block; do
    for level in 4 16; do
        defects compress_ivar im.fits 1 $level $tile packed.fits || exit 1
        run "IVAR with dither 1, $level, $tile" extract packed.fits packed.frame.fits -n 10
        warned "IVAR with dither 1, $level, $tile" 'packed.fits: IVAR is compressed .* does not keep zeros: 2[0-9]{4} pixels'
        check_quiet 'the same zeros, not compressed' extract plain.packed.fits plain.frame.fits -n 10
        check "IVAR with dither 1, $level, $tile: dead pixels stay dead" defects check_still_dead packed.frame.fits plain.frame.fits
    done
    for method in 2 -1; do
        defects compress_ivar im.fits $method 4 $tile packed.fits || exit 1
        run "IVAR with method $method, $tile" extract packed.fits packed.frame.fits -n 10
        check "IVAR with method $method, $tile: dead pixels stay dead" defects check_still_dead packed.frame.fits plain.frame.fits
    done
done

# --- other units than electrons
for factor in 1e-9 1e5 1e12; do
    defects scale im.fits $factor scaled.fits || exit 1
    check_quiet "pixels times $factor" extract scaled.fits scaled.frame.fits -n 10
    check "pixels times $factor: the same flux" defects check_same_flux clean.fits scaled.frame.fits $factor
done

# --- a coefficient of one fiber is not finite
defects set_coefficient psf.whole.fits 5 GHSIGX 0 psf.fits || exit 1
check 'a dark fiber' extract im.fits dark.fits -n 10
for param in XTRACE YTRACE GHSIGX GHSIGY GH-0-0 GH-2-2; do
    tolerance=0 # where the trace is lost the patches may have another row of pixels
    [[ $param = *TRACE ]] && tolerance=1e-3
    defects set_coefficient psf.whole.fits 5 $param nan psf.fits || exit 1
    run "NaN in $param of one fiber" extract im.fits nan.fits -n 10
    warned "NaN in $param of one fiber" 'psf.fits: .* not finite in 1 of 10 spectra: .* masked: 5$'
    check "NaN in $param of one fiber: costs that fiber" defects check_one_lost nan.fits dark.fits 5 $tolerance
done
echo "im.fits psf.fits out/nan.fits $grid" >tasks.txt
run 'NaN in one fiber, in a batch' "$UNSPOT" batch --loglevel warn tasks.txt -- -n 10
warned 'NaN in one fiber, in a batch' 'not finite in 1 of 10 spectra'
check 'NaN in one fiber, in a batch: costs that fiber' defects check_one_lost out/nan.fits dark.fits 5
if command -v mpiexec >/dev/null && ! "$UNSPOT" info | grep -q '^MPI  *none'; then
    run 'NaN in one fiber, 3 ranks' mpiexec -n 3 "$UNSPOT" extract -i im.fits -p psf.fits -o nan.fits -w $grid -n 10 --loglevel warn
    check 'NaN in one fiber, 3 ranks: costs that fiber' defects check_one_lost nan.fits dark.fits 5
    defects fibermap im.fits J '[k for k in range(5000) if k != 1503]' r3 mapped.fits || exit 1
    echo "mapped.fits psf.fits out/f.fits $grid" >mapped.txt
    check 'FIBERMAP by FIBER, a batch of 3 ranks' mpiexec -n 3 "$UNSPOT" batch --io ranks mapped.txt -- -n 10
    check 'FIBERMAP by FIBER, a batch of 3 ranks: right rows' defects check_fibers out/f.fits 1500 'range(1500,1510)' '[1503]'
    run 'NaN in one fiber, a batch of 3 ranks' mpiexec -n 3 "$UNSPOT" batch --io ranks tasks.txt -- -n 10
    check 'NaN in one fiber, a batch of 3 ranks: costs that fiber' defects check_one_lost out/nan.fits dark.fits 5
else
    echo 'left out: several ranks, because this build has no MPI, or there is no mpiexec'
fi
run 'an image simulated with such a PSF' "$UNSPOT" simulate -p psf.fits -o nan.im.fits -w $grid --loglevel warn
warned 'an image simulated with such a PSF' 'not finite in 1 of 10 spectra'
cp psf.whole.fits psf.fits

# --- FIBERMAP belongs to spectra by FIBER
fibers() # NAME EXPECTED FIBERMAP_ARGUMENT...: the frame of im.fits with this FIBERMAP
{
    local name=$1 expected=$2
    shift 2
    defects fibermap im.fits "$1" "$2" "$3" mapped.fits "${@:4}" || exit 1
    run "$name" extract mapped.fits out/f.fits -n 10
    check "$name: right rows" defects check_fibers out/f.fits $expected
}
of_r0='0 range(10)' of_r3='1500 range(1500,1510)'
for form in I J K E D; do
    fibers "FIBER as $form" "$of_r3" $form 'range(5000)' r3
    fibers "FIBER as $form, in reverse" "$of_r0" $form 'range(499,-1,-1)' r0
    check_quiet "FIBER as $form: no warnings" extract mapped.fits out/f.fits -n 10
done
fibers 'FIBER as bytes' "$of_r0" B 'range(250)' r0
fibers 'FIBER as unsigned 16 bits' "$of_r3" I 'range(5000)' r3 FIBER 32768
fibers 'FIBER as unsigned 32 bits' "$of_r3" J 'range(5000)' r3 FIBER 2147483648
fibers 'FIBER as unsigned 64 bits' "$of_r3" K 'range(5000)' r3 FIBER 9223372036854775808
fibers 'a row is missing, unsigned 64 bits' "$of_r3 [1505]" K '[k for k in range(5000) if k != 1505]' r3 FIBER 9223372036854775808
fibers 'FIBER as signed bytes' "$of_r0" B 'range(100)' r0 FIBER -128
fibers 'FIBER with an offset' "$of_r3" J 'range(5000)' r3 FIBER -7
fibers 'FIBER with a scale' '1500 range(1500,1510)' J 'range(1000,3000)' r3 FIBER 1000 1
fibers 'FIBER in lower case' "$of_r3" J 'range(5000)' r3 fiber
fibers 'FIBER of this petal alone' "$of_r3" J 'range(1500,2000)' r3
fibers 'CAMERA in upper case' "$of_r3" J 'range(5000)' R3
fibers 'CAMERA in quotes' "$of_r3" J 'range(5000)' "'r3     '"
fibers 'no CAMERA, rows of one petal' "$of_r3" J 'range(1500,2000)' -
fibers 'rows in disorder' "$of_r0" J 'np.random.default_rng(1).permutation(500)' r0
fibers 'an extra row without FIBER' "$of_r0" J '[-1] + list(range(500))' r0
fibers 'two rows are missing' '0 range(10) [3,7]' J '[k for k in range(500) if k not in (3,7,400)]' r0
warned 'two rows are missing' 'no row for 2 of 10 fibers: .*FIBERSTATUS 257: 3, 7$'
fibers 'a row is missing, unsigned' '1500 range(1500,1510) [1502]' I '[k for k in range(1500,2000) if k != 1502]' r3 FIBER 32768
fibers 'an undefined FIBER' '0 range(10) [4]' J 'range(500)' r0 FIBER 0 1 4
warned 'an undefined FIBER' 'no row for 1 of 10 fibers: .*: 4$'
defects fibermap im.fits J '[k for k in range(5000) if k != 1503]' r3 mapped.fits || exit 1
echo "mapped.fits psf.fits out/f.fits $grid" >tasks.txt
run 'a row is missing, in a batch' "$UNSPOT" batch --loglevel warn tasks.txt -- -n 10
check 'a row is missing, in a batch: right rows' defects check_fibers out/f.fits 1500 'range(1500,1510)' '[1503]'
check 'a row is missing, in a batch: said' grep -q 'WARNING: .*no row for 1 of 10 fibers: .*: 1503$' log.check.kept
fibers 'a row twice' "$of_r0" J 'list(range(500)) + [2]' r0
warned 'a row twice' 'several rows, all the same, for 1 of 10 fibers: one is taken: 2$'
defects fibermap im.fits - 'range(500)' r0 mapped.fits || exit 1
run 'no column FIBER' extract mapped.fits out/f.fits -n 10
warned 'no column FIBER' 'no column FIBER of integers: its row 0 is taken for fiber 0'
defects fibermap im.fits 5A 'range(500)' r0 mapped.fits || exit 1
run 'FIBER as text' extract mapped.fits out/f.fits -n 10
warned 'FIBER as text' 'no column FIBER of integers'
rm -f out/*
refused() # NAME REGEX FIBERMAP_ARGUMENT...
{
    defects fibermap im.fits "$3" "$4" "$5" mapped.fits "${@:6}" || exit 1
    expect_fail "$1" 1 "mapped.fits: $2" "$UNSPOT" extract -i mapped.fits -p psf.fits -o out/f.fits -w $grid -n 10 --loglevel error
}
refused 'rows of another petal' 'FIBERMAP, of fibers 1000 to 1499, has no rows for most .* 0 to 9 by CAMERA' J 'range(1000,1500)' r0
refused 'most rows are missing' 'FIBERMAP, of fibers 5 to 20, has no rows for most' J 'range(5,21)' r3
refused 'several petals, no CAMERA' 'FIBERMAP has fibers of several petals, and CAMERA "" does not say which' J 'range(5000)' -
refused 'several petals, no FIBER' 'FIBERMAP has 5000 rows, more than the 500 fibers .* no column FIBER' - 'range(5000)' r0
refused 'no FIBER, too few rows' 'FIBERMAP has no row for fiber 8 \(it has 8 rows\)' - 'range(8)' r0

# --- broken cards: readers take what is written, and a word says what became of them
check_cards() # NAME HDU WARNING CARD: an image with this card, in which \x.. are bytes
{
    defects replace_card im.fits "$2" "$4" broken.fits || exit 1
    run "$1" extract broken.fits out/f.fits -n 10
    [ -z "$3" ] || warned "$1" "$3"
    check "$1: readers take it" defects check_readable out/f.fits
}
card='broken.fits: not valid FITS are 1 cards'
check_cards 'a quote that does not end' IMAGE "$card" "OBSERVER= 'someone"
check_cards 'no value indicator' IMAGE "$card" 'OBSERVER someone'
check_cards 'a value that is none' IMAGE "$card" 'GAIN    = about 2'
check_cards 'a number that is none' IMAGE "$card" 'GAIN    = 1.0.0 / e/adu'
check_cards 'NaN' IMAGE "$card" 'GAIN    =                  NaN'
check_cards 'text behind a value' IMAGE "$card" 'GAIN    = 5 or so'
check_cards 'half of a complex number' IMAGE "$card" 'GAIN    = (1.0, 2.0'
check_cards 'bytes that are no ASCII' IMAGE "$card" "OBSERVER= 'M\\xc3\\xbcller'"
check_cards 'a tab' IMAGE "$card" "OBSERVER= 'a\\tb'"
check_cards 'a zero' IMAGE "$card" "OBSERVER= 'a\\0b'"
check_cards 'a keyword with a point' IMAGE "$card" "OBS.ER  = 'a'"
check_cards 'a keyword with a blank' IMAGE "$card" "OB SER  = 'a'"
check_cards 'a CONTINUE alone' IMAGE "$card" "CONTINUE  'alone'"
check_cards '80 characters that are no card' IMAGE "$card" "$(printf 'x%.0s' {1..80})"
check_cards 'a lower-case exponent' IMAGE '' 'GAIN    = 1e5'
check_cards 'a lower-case keyword' IMAGE '' "observer= 'a'"
check_cards 'no value' IMAGE '' 'OBSERVER='
check_cards 'HIERARCH' IMAGE '' "HIERARCH ESO DET NAME = 'a' / its name"
check_cards 'a unit that is no text' FIBERMAP "$card" 'TUNIT1  = 5'
check_cards 'a shape that does not fit' FIBERMAP "$card" "TDIM1   = '(3,4)'"
check_cards 'a unit that is no ASCII' FIBERMAP "$card" "TUNIT1  = '\\xc3\\x85'"
rm -f out/*
damaged() # NAME REGEX CARD: in FIBERMAP; an error of the input, before any work
{
    defects replace_card im.fits FIBERMAP "$3" broken.fits || exit 1
    expect_fail "$1" 1 "broken.fits: $2" "$UNSPOT" extract -i broken.fits -p psf.fits -o out/f.fits -w $grid -n 10 --loglevel error
}
damaged 'a column without a name' 'column 4 of HDU FIBERMAP has no name: repair TTYPE4' "TTYPE4  = 'FIBER"
damaged 'a column whose name is a number' 'column 4 of HDU FIBERMAP has no name' 'TTYPE4  = 5'
damaged 'a format that does not end' 'the header of HDU FIBERMAP is damaged \(CFITSIO' "TFORM4  = 'J"
damaged 'an offset that is no number' 'keyword TZERO4 of HDU FIBERMAP is not a number' "TZERO4  = 'x'"
damaged 'a scale of 0' 'keyword TSCAL4 of HDU FIBERMAP is 0' 'TSCAL4  = 0'
damaged 'a null that is no number' 'keyword TNULL4 of HDU FIBERMAP is not a number' "TNULL4  = 'x'"

# --- a PSF of some fibers, and of another camera
rm -f out/*
check 'the whole PSF' extract im.fits whole.fits -s 5 -n 5 --bundlesize 5
for fibermin in 5 505; do
    defects cut_psf psf.whole.fits 5 5 $fibermin psf.fits || exit 1
    camera=r$((fibermin / 500))
    defects fibermap im.fits J 'range(5000)' $camera mapped.fits || exit 1
    check "FIBERMIN $fibermin" extract mapped.fits out/f.fits -s 5 -n 5 --bundlesize 5
    check "FIBERMIN $fibermin: the same fluxes" defects check_same_flux out/f.fits whole.fits 1
    check "FIBERMIN $fibermin: FIBERMAP" defects check_fibers out/f.fits $fibermin "range($fibermin,$fibermin+5)"
    for all in '' '-n 5' '-s 0'; do
        check "FIBERMIN $fibermin, $all" extract mapped.fits out/f.fits --bundlesize 5 $all
        check "FIBERMIN $fibermin, $all: the same fluxes" defects check_same_flux out/f.fits whole.fits 1
    done
    check "FIBERMIN $fibermin, all of it" extract mapped.fits out/f.fits --bundlesize 5
    check "FIBERMIN $fibermin, all of it: the same fluxes" defects check_same_flux out/f.fits whole.fits 1
done
rm -f out/*
expect_fail 'a fiber that the PSF has not' 2 '--specmin 10: the PSF psf.fits has spectra 5 to 9 only' "$UNSPOT" extract -i mapped.fits \
    -p psf.fits -o out/f.fits -w $grid -s 10 --loglevel error
defects fibermap im.fits J 'range(5000)' r3 mapped.fits || exit 1
expect_fail 'FIBERMIN of another petal' 1 'mapped.fits: the PSF is of petal 1 by its FIBERMIN, the image of petal 3' "$UNSPOT" extract \
    -i mapped.fits -p psf.fits -o out/f.fits -w $grid --loglevel error
defects cut_psf psf.whole.fits 2 8 2 psf.fits || exit 1 # bundles are blocks of the slit also where the PSF cuts one
check 'a PSF that begins within a bundle' extract im.fits out/f.fits -s 5 -n 5 --bundlesize 5
check 'a PSF that begins within a bundle: the same fluxes' defects check_same_flux out/f.fits whole.fits 1
check 'simulating with such a PSF' "$UNSPOT" simulate -p psf.fits -o cut.fits --truth cut.truth.fits -w $grid -s 4
check 'such an exposure' extract cut.fits out/f.fits -s 4 -n 6
check 'such an exposure: pulls' "$UNSPOT" compare out/f.fits --truth cut.truth.fits --pull-mean 0.2 --pull-sigma 0.2
cp psf.whole.fits psf.fits
rm -f out/*
defects set_camera psf.whole.fits PSF Z7 psf.fits || exit 1
expect_fail 'a PSF of another camera' 1 'psf.fits: the PSF is for camera Z7, but the image im.fits is of camera r0' "$UNSPOT" extract \
    -i im.fits -p psf.fits -o out/f.fits -w $grid --loglevel error
defects set_camera psf.whole.fits PSF r7 psf.fits || exit 1
run 'a PSF of another petal' extract im.fits out/f.fits -n 10
warned 'a PSF of another petal' 'psf.fits: the PSF is for camera r7, the image im.fits is of camera r0'
defects set_camera psf.whole.fits PSF "'R0      '" psf.fits || exit 1
check_quiet 'a PSF of the same camera in upper case and quotes' extract im.fits out/f.fits -n 10
cp psf.whole.fits psf.fits

# --- numbers of a PSF that make no sense
psf_card() # NAME REGEX CARD [OPTION...]
{
    defects replace_card psf.whole.fits PSF "$3" psf.fits || exit 1
    expect_fail "$1" 1 "psf.fits: .*$2" "$UNSPOT" extract -i im.fits -p psf.fits -o out/f.fits -n 10 --loglevel error "${@:4}"
}
rm -f out/*
psf_card 'a negative PSFERR' 'PSFERR is -1, not in 0 to 1000: give the right one by --psferr' 'PSFERR  = -1' -w $grid
check 'a negative PSFERR, with --psferr' extract im.fits out/f.fits -n 10 --psferr 0.01
rm -f out/*
psf_card 'a huge PSFERR' 'PSFERR is 1e.30, not in' 'PSFERR  = 1E30' -w $grid
psf_card 'a PSFERR that is no number' 'PSFERR .*not a number' "PSFERR  = 'x'" -w $grid
psf_card 'a huge range' 'more than a million bins: give --wavelength' 'WAVEMAX = 1E300'
psf_card 'a text for a count' 'FIBERMAX .*not a number' "FIBERMAX= '$(printf 'x%.0s' {1..40})'" -w $grid
psf_card 'a negative FIBERMIN' 'FIBERMIN is -5, not in 0 to' 'FIBERMIN= -5' -w $grid
cp psf.whole.fits psf.fits

# --- the same words from a batch, on one rank and on many: what cannot be done is missing, and the rest is made
rm -rf out && mkdir out
defects flip_bit im.fits IVAR flipped.fits || exit 1
defects fibermap im.fits J 'range(1000,1500)' r0 other.fits || exit 1
defects set_camera psf.whole.fits PSF z7 z7.fits || exit 1
defects replace_card psf.whole.fits PSF 'PSFERR  = -1' psferr.fits || exit 1
defects set_coefficient psf.whole.fits 5 GHSIGY nan nan.psf.fits || exit 1
{
    echo "hot3000.fits psf.fits out/hot.fits $grid"
    echo "flipped.fits psf.fits out/1.fits $grid"
    echo "other.fits psf.fits out/2.fits $grid"
    echo "im.fits z7.fits out/3.fits $grid"
    echo "im.fits psferr.fits out/4.fits $grid"
    echo "im.fits nan.psf.fits out/nan.fits $grid"
} >defects.txt
launchers=(env)
if command -v mpiexec >/dev/null && ! "$UNSPOT" info | grep -q '^MPI  *none'; then launchers+=('mpiexec -n 3'); fi
for launcher in "${launchers[@]}"; do
    rm -f out/*
    $launcher "$UNSPOT" batch defects.txt -- -n 10 >log.stdout 2>log.batch # a launcher of several words
    check "$launcher: exit status" test $? -ne 0
    check "$launcher: the others are made" grep -q '6 frames: 2 written, 0 complete before, 4 failed' log.batch
    check "$launcher: flipped bits" grep -q 'out/1.fits: flipped.fits: HDU IVAR is damaged: its data do not fit its DATASUM' log.batch
    check "$launcher: another petal's FIBERMAP" grep -q 'out/2.fits: other.fits: FIBERMAP, of fibers 1000 to 1499, has no rows' log.batch
    check "$launcher: another camera's PSF" grep -q 'out/3.fits: z7.fits: the PSF is for camera z7' log.batch
    check "$launcher: a negative PSFERR" grep -q 'out/4.fits: psferr.fits: PSFERR is -1' log.batch
    check "$launcher: a hot column" defects check_flagged clean.fits out/hot.fits
    check "$launcher: NaN in one fiber" defects check_one_lost out/nan.fits dark.fits 5
done

# --- grids
on_grid() # GRID
{
    "$UNSPOT" extract -i im.fits -p psf.fits -o grid.fits -n 3 --loglevel warn -w "$1"
}
run 'a step wider than the PSF' on_grid 5800,5880,4
warned 'a step wider than the PSF' '--wavelength 5800,5880,4: the step is wider than the PSF, [12]\.[0-9] Angstrom'
run 'a grid off the CCD' on_grid 7500,7540,0.8
warned 'a grid off the CCD' 'no bin has data: .* off the CCD'
finish
