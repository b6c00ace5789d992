# Helpers of the tests of the whole program; sourced by program_*.sh, not run.
#
# Environment: UNSPOT, the program; UNSPOT_REFERENCE, the folder of the reference data; UNSPOT_QUICK=1, smaller
# inputs for slow builds. A test works in a fresh folder under the current one and removes it.
# shellcheck shell=bash disable=SC2034
set -u
export LC_ALL=C

UNSPOT=$(realpath "${UNSPOT:?path of the program}")
tests=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
readonly UNSPOT python=/usr/bin/python3 # Debian's, the one with its packages
readonly grid=5800,5880,0.8      # on the small CCD; 101 bins
passed=0
failed=0

work=$(mktemp -d "$PWD/${0##*/}.XXXXXX") || exit 1
chmod 755 "$work"
trap 'cd / && rm -rf "$work"' EXIT # also after INT and TERM
cd "$work" || exit 1

pass()
{
    passed=$((passed + 1))
}

# fail NAME [FILE...]: shows the files
fail()
{
    failed=$((failed + 1))
    echo "FAILED: $1"
    shift
    [ $# -eq 0 ] || sed 's/^/    /' "$@"
}

# skip_all WHY: leaves with the status that ctest knows as "skipped"
skip_all()
{
    echo "skipped: $1"
    exit 77
}

# check NAME COMMAND...: the command succeeds
check()
{
    local name=$1
    shift
    if "$@" >log.check 2>&1; then pass; else fail "$name" log.check; fi
}

# check_quiet NAME COMMAND...: it succeeds and prints nothing
check_quiet()
{
    local name=$1
    shift
    if "$@" >log.check 2>&1 && [ ! -s log.check ]; then pass; else fail "$name" log.check; fi
}

# What the error of any command may say, whatever is wrong: a REGEX that matches this proves nothing.
readonly said_anyway="ERROR: unspot: extract: make-psf: simulate: compare: batch: tasks: info: (see unspot extract --help)"

# expect_fail NAME STATUS REGEX COMMAND...: exit status STATUS, nothing on stdout, exactly one line on stderr, with
# "ERROR: " or "unspot: " and REGEX (grep -E), and no file more or less in the folder out/
expect_fail()
{
    local name=$1 status=$2 regex=$3 got before after
    shift 3
    if grep -qE -- "$regex" <<<"$said_anyway"; then
        fail "$name: $regex matches what any error says"
        return
    fi
    before=$(ls -A out 2>&1)
    "$@" >log.stdout 2>log.stderr
    got=$?
    after=$(ls -A out 2>&1)
    if [ $got -ne "$status" ]; then
        fail "$name: exit status $got, not $status" log.stderr
    elif [ -s log.stdout ]; then
        fail "$name: writes to stdout" log.stdout
    elif [ "$(wc -l <log.stderr)" -ne 1 ] || ! grep -qE '^(ERROR|unspot): .' log.stderr; then
        fail "$name: not one line of error on stderr" log.stderr
    elif ! grep -qE -- "$regex" log.stderr; then
        fail "$name: the text does not match $regex" log.stderr
    elif [ "$before" != "$after" ]; then
        fail "$name: out/ held '$before', now '$after'" log.stderr
    else
        pass
    fi
}

# with_fault WHAT:NAME:BYTES: `faulty` is to come before a command whose files then have this fault (tests/fault_shim.c)
with_fault()
{
    # verify_asan_link_order: the library comes before the sanitizer's
    faulty=(env ASAN_OPTIONS=verify_asan_link_order=0 UNSPOT_FAULT="$1" LD_PRELOAD="$UNSPOT_FAULT_SHIM")
}

# finish: prints the counts, sets the exit status; a test that has checked nothing has failed
finish()
{
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
    exit
}

# small_psf NSPEC FILE [COLUMNS ROWS]: the PSF of NSPEC fibers with a CCD cut to the corner that these fibers and
# grid need: everything is fast on it
small_psf()
{
    local columns=${3:-$((150 + 9 * $1))} rows=${4:-640}
    "$UNSPOT" make-psf --nspec "$1" -o "$2" &&
        sed -i "s/NPIX_X  =                 4114/$(printf 'NPIX_X  = %20d' "$columns")/
                s/NPIX_Y  =                 4128/$(printf 'NPIX_Y  = %20d' "$rows")/" "$2"
}

# small_image NSPEC WAVELENGTHS [COLUMNS ROWS]: psf.fits, im.fits and truth.fits, or the end of the test
small_image()
{
    small_psf "$1" psf.fits "${@:3}" || exit 1
    "$UNSPOT" simulate -p psf.fits -o im.fits --truth truth.fits -w "$2" --loglevel error || exit 1
}

# need_python MODULE...: skips the test where one is missing
need_python()
{
    local module
    [ -x $python ] || skip_all "no $python"
    for module; do
        $python -c "import $module" 2>/dev/null || skip_all "$python has no $module (Debian: python3-$module)"
    done
}
