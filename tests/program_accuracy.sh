#!/usr/bin/env bash
# The numbers: against what gpu_specter extracts from the reference image, and against the truth of simulated ones.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"

# --- the reference: both of its bundles
reference=$(realpath -m "${UNSPOT_REFERENCE:-/nonexistent}")
if [ ! -d "$reference" ]; then
    echo "left out: the reference, because there is no folder ${UNSPOT_REFERENCE:-UNSPOT_REFERENCE}"
elif ! $python -c 'import fitsio, numpy' 2>/dev/null; then
    echo "left out: the reference, because $python has no fitsio or numpy"
else
    for first in 0 225; do
        check_quiet "reference, spectra from $first: no warnings" "$UNSPOT" extract -i "$reference/preproc-r0.fits.gz" \
            -p "$reference/psf-r0.fits" -o $first.fits -w 5760.0,7620.0,0.8 -s $first -n 25 --loglevel warn
        check "reference, spectra from $first: agrees with gpu_specter" \
            $python "$tests/compare_reference.py" $first.fits "$reference/frame-r0-gpu_specter.fits.gz"
        [ -z "${VERBOSE:-}" ] || cat log.check
    done
fi

# simulated NAME CAMERA NSPEC RANGE LIMIT: from make-psf to compare; LIMIT of the pulls' |mean| and |sigma - 1|
simulated()
{
    local name=$1 range=(-w "$4")
    [ -n "$4" ] || range=()
    check "$name: PSF" "$UNSPOT" make-psf --camera "$2" --nspec "$3" -o psf.fits
    check "$name: image" "$UNSPOT" simulate -p psf.fits -o im.fits --truth truth.fits "${range[@]}"
    check_quiet "$name: extraction, no warnings" "$UNSPOT" extract -i im.fits -p psf.fits -o f.fits -w "$4" -n "$3" --loglevel warn
    check "$name: pulls" "$UNSPOT" compare f.fits --truth truth.fits --pull-mean "$5" --pull-sigma "$5"
    [ -z "${VERBOSE:-}" ] || cat log.check
}

# The limits: 0.02 wherever there are enough bins; else 4 times the statistical error of the mean.
if [ -z "${UNSPOT_QUICK:-}" ]; then
    simulated 'camera r, all of it' r 500 5760,7620,0.8 0.02
    simulated 'camera b, one bundle' b 25 3600,5800,0.8 0.02
    simulated 'camera z, one bundle' z 25 7520,9824,0.8 0.02
else
    simulated 'camera r, part' r 50 6000,6120,0.8 0.05
    simulated 'camera b, part' b 25 4600,4700,0.8 0.08
    simulated 'camera z, part' z 25 8500,8600,0.8 0.08
fi
finish
