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
    warned "NaN in $param of one fiber" 'psf.fits: .* 1 spectra are not finite: .* masked: 5$'
    check "NaN in $param of one fiber: costs that fiber" defects check_one_lost nan.fits dark.fits 5 $tolerance
done
echo "im.fits psf.fits out/nan.fits $grid" >tasks.txt
run 'NaN in one fiber, in a batch' "$UNSPOT" batch --loglevel warn tasks.txt -- -n 10
warned 'NaN in one fiber, in a batch' '1 spectra are not finite'
check 'NaN in one fiber, in a batch: costs that fiber' defects check_one_lost out/nan.fits dark.fits 5
if command -v mpiexec >/dev/null && ! "$UNSPOT" info | grep -q '^MPI  *none'; then
    run 'NaN in one fiber, 3 ranks' mpiexec -n 3 "$UNSPOT" extract -i im.fits -p psf.fits -o nan.fits -w $grid -n 10 --loglevel warn
    check 'NaN in one fiber, 3 ranks: costs that fiber' defects check_one_lost nan.fits dark.fits 5
    run 'NaN in one fiber, a batch of 3 ranks' mpiexec -n 3 "$UNSPOT" batch --io ranks tasks.txt -- -n 10
    check 'NaN in one fiber, a batch of 3 ranks: costs that fiber' defects check_one_lost out/nan.fits dark.fits 5
else
    echo 'left out: several ranks, because this build has no MPI, or there is no mpiexec'
fi
run 'an image simulated with such a PSF' "$UNSPOT" simulate -p psf.fits -o nan.im.fits -w $grid --loglevel warn
warned 'an image simulated with such a PSF' '1 spectra are not finite'
cp psf.whole.fits psf.fits

# --- grids
run 'a step wider than the PSF' extract im.fits coarse.fits -n 3 -w 5800,5880,4
warned 'a step wider than the PSF' '--wavelength 5800,5880,4: the step is wider than the PSF, [12]\.[0-9] Angstrom'
run 'a grid off the CCD' extract im.fits off.fits -n 3 -w 7500,7540,0.8
warned 'a grid off the CCD' 'no bin has data: .* off the CCD'
finish
