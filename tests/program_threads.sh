#!/usr/bin/env bash
# The output is the same for any number of threads, any selection of spectra, gzipped or not, and over an existing
# file; the progress bar and the timing file.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
small_image 60 $grid

extract() # FRAME [OPTION...]
{
    "$UNSPOT" extract -i im.fits -p psf.fits -o "$1" -w $grid --loglevel error "${@:2}"
}
same() # A B [FIRST COUNT]
{
    $python "$tests/same_data.py" "$@"
}

# --- threads
check 'one thread' extract 1.fits -m 1-model.fits -n 60 --threads 1
for threads in 1 2 5; do
    check "$threads threads" extract threads.fits -m model.fits -n 60 --threads $threads
    check "$threads threads: the same frame" same threads.fits 1.fits
    check "$threads threads: the same model" same model.fits 1-model.fits
    check "$threads threads by OMP_NUM_THREADS" env OMP_NUM_THREADS=$threads "$UNSPOT" extract -i im.fits -p psf.fits \
        -o environment.fits -w $grid -n 60 --loglevel error
    check "$threads threads by OMP_NUM_THREADS: the same frame" same environment.fits 1.fits
    check "simulation by $threads threads" "$UNSPOT" simulate -p psf.fits -o im-$threads.fits -w $grid \
        --loglevel error --threads $threads --truth truth-$threads.fits
    check "simulation by $threads threads: the same image" same im-$threads.fits im.fits
    check "simulation by $threads threads: the same truth" same truth-$threads.fits truth.fits
done

# --- selections: whole bundles, parts of one, across two, the last and incomplete one, one spectrum, to the end
for selection in '0 25' '25 25' '0 10' '3 4' '20 10' '50 10' '7 1' '1 59'; do
    read -r first count <<<"$selection"
    check "-s $first -n $count" extract part.fits -s "$first" -n "$count"
    check "-s $first -n $count: the same spectra" same part.fits 1.fits "$first" "$count"
done
check 'more spectra than there are' extract rest.fits -s 50
check 'more spectra than there are: those there are' same rest.fits 1.fits 50 10

# --- gzipped, and over an existing file
check 'gzipped' extract 1.fits.gz -n 60
check 'gzipped: it is' gzip -t 1.fits.gz
check 'gzipped: the same frame' same 1.fits.gz 1.fits
{ head -c 1000000 im.fits | gzip -1 && tail -c +1000001 im.fits | gzip -9; } >members.fits.gz
{ cat members.fits.gz && printf '\0\0rest'; } >followed.fits.gz
for image in members followed; do
    check "image of two gzip members, $image" "$UNSPOT" extract -i $image.fits.gz -p psf.fits -o $image.fits -w $grid -n 60
    check "image of two gzip members, $image: the same frame" same $image.fits 1.fits
done
cp im.fits again.fits
check 'over a larger file' extract again.fits -n 60
check 'over a larger file: replaced' same again.fits 1.fits
inode=$(stat -c %i again.fits)
check 'once more' extract again.fits -n 60
check 'once more: the same frame' same again.fits 1.fits
check 'once more: a new file, so that readers of the old one see no mixture' \
    test "$inode" != "$(stat -c %i again.fits)"
echo 'in the way' >again.fits.gz
check 'gzipped over an existing file' extract again.fits.gz -n 60
check 'gzipped over an existing file: replaced' same again.fits.gz 1.fits
check 'no temporary is left' test -z "$(find . -name '.?*')"
umask 027
check 'umask' extract umask.fits -n 1
check 'umask: permissions' test "$(stat -c %a umask.fits)" = 640

# --- progress
bar='\[#+\.*\] [0-9]+/[0-9]+ patches, [0-9]+/s, [0-9]+ s left'
progress() # NAME EXPECTED(bar|none) COMMAND...: looks at stderr, or at the terminal
{
    local name=$1 wanted=$2 got=none
    shift 2
    "$@" >log.stdout 2>log.stderr </dev/null || wanted="success and $wanted"
    tr '\r' '\n' <log.stderr | grep -qE "$bar" && got=bar
    tr '\r' '\n' <log.stdout | grep -qE "$bar" && got=bar
    if [ "$got" = "$wanted" ]; then pass; else fail "$name: wanted $wanted, got $got" log.stdout log.stderr; fi
}
in_terminal() # COMMAND...
{
    script -qec "$(printf '%q ' "$@")" /dev/null
}
unspot=("$UNSPOT" extract -i im.fits -p psf.fits -o p.fits -w "$grid" -n 60 --loglevel error)
progress 'always, in a file' bar "${unspot[@]}" --progress always
check 'always: not on stdout' test ! -s log.stdout
check 'always: ends at all patches, with a full bar' grep -qE '\[#+\] ([0-9]+)/\1 patches' log.stderr
progress 'auto, in a file' none "${unspot[@]}" --progress auto
check 'auto, in a file: nothing at all' test ! -s log.stderr
progress 'by default, in a file' none "${unspot[@]}"
progress 'never, in a file' none "${unspot[@]}" --progress never
if command -v script >/dev/null; then
    progress 'auto, in a terminal' bar in_terminal "${unspot[@]}"
    progress 'never, in a terminal' none in_terminal "${unspot[@]}" --progress never
else
    echo 'left out: progress in a terminal, because there is no script(1)'
fi

# --- the levels of the log
level() # LEVEL PREFIXES, of the lines of a run that has something to say at each level
{
    check "--loglevel $1" "$UNSPOT" extract -i im.fits -p psf.fits -o p.fits -w $grid -n 500 --loglevel "$1"
    check "--loglevel $1 writes $2" test "$(sed 's/:.*//' log.check | sort -u | tr '\n' ' ')" = "$2"
}
level debug 'DEBUG INFO WARNING '
level info 'INFO WARNING '
level warn 'WARNING '
level error ''

# --- timing
check 'timing' extract t.fits -m m.fits -n 60 --timing timing.json
check 'timing: JSON' $python -m json.tool timing.json
cat >check_timing.py <<'PYTHON'
import json
import os

import fitsio

timing = json.load(open("timing.json"))
assert timing["spectra"] == 60 and timing["wavelengths"] == 101 and timing["patches"] == 15 * 3, timing
assert timing["regularised_patches"] == timing["unsolved_patches"] == 0, timing
assert 0 < timing["extract_seconds"] < timing["total_seconds"] < 300, timing
header = fitsio.read_header("t.fits")
assert timing["device"] == header["DEVICE"].strip() and timing["backend"] == header["BACKEND"].strip(), timing
stages = timing["stages"]
names = "read_psf read_image plan spots overlaps normal_equations solve quality device_copy store model finish write"
assert list(stages) == names.split(), list(stages)
for name, stage in stages.items():
    used = timing["device"] != "CPU" or name not in ("device_copy", "store")
    assert stage["seconds"] >= 0 and (stage["count"] > 0) == used, (name, stage)
assert stages["write"]["bytes"] == sum(os.path.getsize(name) for name in ("t.fits", "m.fits")), stages
assert stages["read_image"]["bytes"] == os.path.getsize("im.fits"), stages
assert stages["read_psf"]["bytes"] == os.path.getsize("psf.fits"), stages
PYTHON
check 'timing: all stages' $python check_timing.py
check '--device host' extract host.fits -n 60 --device host --timing timing.json
check '--device host: it is' grep -qF '"device": "CPU"' timing.json
check '--device host: the same frame as on the default device' "$UNSPOT" compare host.fits 1.fits --strict-mask
finish
