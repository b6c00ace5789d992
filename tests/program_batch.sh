#!/usr/bin/env bash
# unspot tasks and unspot batch in one process: tables, bad frames, faults of files, signals, --resume.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python fitsio astropy
export OMP_NUM_THREADS=2
mkdir out whole
small_image 60 $grid

# table FOLDER: six frames, some gzipped, one with a model image
table()
{
    local i
    echo '# image psf output wavelength model options'
    for i in 1 2 3 4 5 6; do
        printf 'im.fits psf.fits %s/f%d.fits%s %s %s --regularize 0.%03d\n' "$1" $i \
            "$([ $((i % 2)) = 0 ] && echo .gz)" $grid "$([ $i = 3 ] && echo "$1/m3.fits" || echo -)" $i
    done
}
table whole >whole.txt
table out >out.txt

batch() # [OPTION...] TABLE: in the small CCD's 60 spectra
{
    "$UNSPOT" batch "$@" -- -n 60
}
all_same() # what is in out/ is what is in whole/, and nothing else is there
{
    $python "$tests/same_folder.py" out whole
}
afresh()
{
    rm -rf out && mkdir out
}

# --- the same frames as unspot extract makes
for i in 1 2 3 4 5 6; do
    name=f$i.fits$([ $((i % 2)) = 0 ] && echo .gz)
    check "extract $name" "$UNSPOT" extract -i im.fits -p psf.fits -o "whole/$name" -w $grid -n 60 --regularize 0.00$i \
        $([ $i = 3 ] && echo -m whole/m3.fits) --loglevel error
done
for io in off threads; do
    afresh
    batch --io $io --timing timing.json out.txt 2>log.batch
    check "--io $io" test $? = 0
    check "--io $io: one line a frame" test "$(grep -c '^INFO: frame [1-6] of 6, out/f' log.batch)" = 6
    check "--io $io: the figure of merit" grep -qE '^INFO: 6 frames in [0-9.]+ s on 1 node: [0-9.]+ frames per node-hour' log.batch
    check "--io $io: the frames" all_same
    check "--io $io: what the time went to" grep -qE 'time of the 1 ranks that extract: .*extract [0-9.]+%' log.batch
    check "--io $io: timing is JSON" $python -m json.tool timing.json
done
afresh

# --- tables that are wrong
wrong() # REGEX LINE
{
    printf '%s\n' "im.fits psf.fits out/good.fits $grid" "$2" >wrong.txt
    expect_fail "table with: $2" 2 "wrong.txt:2: .*$1" "$UNSPOT" batch wrong.txt
}
wrong 'expected IMAGE PSF OUTPUT.*2 words' 'im.fits psf.fits'
wrong 'expected IMAGE PSF OUTPUT.*1 word$' 'im.fits'
wrong 'quotation' '"im.fits psf.fits out/f.fits'
wrong '"--solver" in column 4: options come after' 'im.fits psf.fits out/f.fits --solver dense'
wrong '"-" in column 3' 'im.fits psf.fits -'
wrong '--wavelength 1,2: expected' 'im.fits psf.fits out/f.fits 1,2'
wrong '--solver best: expected' "im.fits psf.fits out/f.fits $grid - --solver best"
wrong '--nonsense: unknown option' "im.fits psf.fits out/f.fits $grid - --nonsense"
wrong '--threads: not for a task' "im.fits psf.fits out/f.fits $grid - --threads 3"
wrong '--output=x: not for a task' "im.fits psf.fits out/f.fits $grid - --output=x"
wrong '-ox: not for a task' "im.fits psf.fits out/f.fits $grid - -ox"
wrong '--help: not for a task' "im.fits psf.fits out/f.fits $grid - --help"
wrong 'out/good.fits is also written by line 1' "im.fits psf.fits out/good.fits $grid"
wrong 'out/good.fits is also written by line 1' "im.fits psf.fits out/f.fits $grid out/good.fits"
# a file that is written is used nowhere else, whatever its spelling
mkdir -p sub && ln -sf ../out sub/link && ln -sf out/new.fits new.link && ln -sf out/good.fits good.link
for spelling in ./out/good.fits out/../out/good.fits out//good.fits "$PWD/out/good.fits" sub/link/good.fits good.link; do
    wrong "$spelling is also written by line 1, as out/good.fits" "im.fits psf.fits $spelling $grid"
    wrong "$spelling is also written by line 1, as out/good.fits" "im.fits psf.fits out/f.fits $grid $spelling"
done
touch out/good.fits out/other.fits && ln -f out/other.fits hard.fits # also where the files are there
wrong './out/good.fits is also written by line 1' "im.fits psf.fits ./out/good.fits $grid"
wrong 'good.link is also written by line 1' "im.fits psf.fits good.link $grid"
for model in new.link hard.fits; do # within one line, and a hard link
    echo "im.fits psf.fits out/$([ $model = hard.fits ] && echo other || echo new).fits $grid $model" >twice.txt
    expect_fail "$model" 2 "twice.txt:1: .* is also written by line 1" "$UNSPOT" batch twice.txt
done
rm -f out/good.fits out/other.fits hard.fits
lost() # INPUT LINE: line 1 has this input, and LINE would write it
{
    printf '%s\n' "im.fits psf.fits out/good.fits $grid" "$2" >lost.txt
    expect_fail "an input would be lost: $2" 2 "lost.txt:[12]: $1 is also written by line 2" "$UNSPOT" batch lost.txt
}
lost im.fits "im.fits psf.fits im.fits $grid"
lost im.fits "im.fits psf.fits out/f.fits $grid ./im.fits"
lost psf.fits "im.fits psf.fits ./psf.fits $grid"
gzip -kf im.fits && mv im.fits im.kept.fits # im.fits then is im.fits.gz
lost im.fits "im.fits psf.fits im.fits $grid"
lost im.fits.gz "im.fits psf.fits out/../im.fits.gz $grid"
mv im.kept.fits im.fits && rm im.fits.gz
echo "im.fits psf.fits ./self.txt $grid" >self.txt
expect_fail 'the table is an output' 2 'self.txt: the table is also written by line 1' "$UNSPOT" batch self.txt
expect_fail 'the table is --timing' 2 'out.txt: the table is also written by --timing, as ./out.txt' "$UNSPOT" batch --timing ./out.txt out.txt
expect_fail '--timing is an image' 2 "out.txt:[0-9]+: im.fits is also written by --timing" "$UNSPOT" batch --timing ./im.fits out.txt
for i in $(seq 2000); do echo "im.fits psf.fits out/f$i.fits $grid out/m$i.fits"; done >many.txt
echo "im.fits psf.fits out/./f1000.fits $grid" >>many.txt
expect_fail '2000 lines' 2 'many.txt:2001: out/./f1000.fits is also written by line 1000' "$UNSPOT" batch many.txt
printf '# nothing\n\n' >empty.txt
printf 'im.fits psf.fits out/f.fits\0' >binary.txt
expect_fail 'no tasks' 2 'empty.txt: no tasks' "$UNSPOT" batch empty.txt
expect_fail 'not text' 1 'binary.txt: not a text file' "$UNSPOT" batch binary.txt
expect_fail 'no table' 1 'absent.txt: .*No such file' "$UNSPOT" batch absent.txt
expect_fail 'a folder' 1 'out: not a regular file' "$UNSPOT" batch out
expect_fail '--io' 2 '--io fast: expected' "$UNSPOT" batch --io fast out.txt
expect_fail '--io ranks' 2 '--io ranks: a group needs 3 ranks' "$UNSPOT" batch --io ranks out.txt
expect_fail '--group-size' 2 '--group-size 2: does not divide the 1 ranks' "$UNSPOT" batch --group-size 2 out.txt
expect_fail '--group-size' 2 '--group-size -1: expected .* from 0 to' "$UNSPOT" batch --group-size -1 out.txt
expect_fail '--threads' 2 '--threads 5000: expected .* 0 to 4096' "$UNSPOT" batch --threads 5000 out.txt
expect_fail 'an option for all that is none for tasks' 2 'out.txt:2: --timing: not for tasks' "$UNSPOT" batch out.txt -- --timing t.json
expect_fail '--timing' 1 'absent/t.json: .*no directory' "$UNSPOT" batch --timing absent/t.json out.txt
printf '%s\n' "'im.fits' psf.fits \"out/with blank.fits\" $grid - -n 5 # no comment" >quoted.txt
expect_fail 'comments are whole lines' 2 'quoted.txt:1: "#": unexpected argument' "$UNSPOT" batch quoted.txt
sed -i 's/ # .*//' quoted.txt
check 'quoted names' "$UNSPOT" batch quoted.txt
check 'quoted names: the frame' test -s 'out/with blank.fits'
afresh

# --- frames that cannot be done: the others are
head -c 500000 im.fits >truncated.fits
{
    sed -n 2,4p out.txt
    echo "absent.fits psf.fits out/x1.fits $grid"
    echo "truncated.fits psf.fits out/x2.fits $grid"
    echo "im.fits psf.fits sub/absent/x3.fits $grid"
    echo "im.fits psf.fits out/x4.fits 5800,9980,0.8"
    echo "psf.fits psf.fits out/x5.fits $grid"
    echo "im.fits im.fits out/x6.fits $grid"
    sed -n 5,7p out.txt
} >bad.txt
for io in off threads; do
    afresh
    batch --io $io bad.txt 2>log.batch
    check "bad frames, --io $io: exit status" test $? = 1
    check "bad frames, --io $io: the others" all_same
    for line in '4: no out/x1.fits: absent.fits: no such file' '5: no out/x2.fits: truncated.fits: truncated' \
        '6: no sub/absent/x3.fits: .*no directory' \
        '7: no out/x4.fits: .*--wavelength 5800,9980,0.8: .*is defined from' \
        '8: no out/x5.fits: psf.fits: no HDU IMAGE' '9: no out/x6.fits: im.fits: not a PSF'; do
        check "bad frames, --io $io: $line" grep -qE "^ERROR: bad.txt:$line" log.batch
        check "bad frames, --io $io: $line, in the summary" grep -qE "^INFO: missing: bad.txt:$line" log.batch
    done
    check "bad frames, --io $io: counts" grep -q '12 frames: 6 written, 0 complete before, 6 failed' log.batch
    check "bad frames, --io $io: last line" test "$(tail -n 1 log.batch)" = \
        'ERROR: 6 of 12 frames are missing; --resume makes them'
done

# --- resume
resume() # NAME WRITTEN: how many frames a resumed run makes anew, and that all are there then
{
    batch --resume out.txt 2>log.resume
    check "$1" test $? = 0
    check "$1: makes $2" grep -q " $2 written, $((6 - $2)) complete before, 0 failed" log.resume
    check "$1: the frames" all_same
}
afresh
resume 'resume from nothing' 6
resume 'resume of all' 0
rm out/f5.fits
resume 'one is missing' 1
printf X | dd of=out/f1.fits bs=1 seek=100000 conv=notrunc status=none
resume 'a byte is wrong' 1
head -c 300000 whole/f1.fits >out/f1.fits
head -c 200000 whole/f2.fits.gz >out/f2.fits.gz
: >out/f5.fits
resume 'truncated, gzipped and not, and empty' 3
rm out/m3.fits
resume 'the model is missing' 1
cp whole/f3.fits out/f1.fits
resume 'made with other options' 1
touch -d '1 hour ago' out/f4.fits.gz
resume 'older than its inputs' 1
: >out/.f5.fits.123-0.tmp
: >out/.f2.fits.gz.123-0.tmp.z.tmp
resume 'what a killed run left is removed' 0
cp im.fits copy.fits
sed 's/^im.fits\(.*f5\)/copy.fits\1/' out.txt >other.txt
batch --resume other.txt 2>log.batch
check 'another input' test $? = 0
check 'another input: makes 1' grep -q ' 1 written, 5 complete' log.batch

# names and options that look alike are told apart, exactly, and a card says which it was
remade() # NAME WRITTEN LINE
{
    printf '%s\n' "$3" >alike.txt
    "$UNSPOT" batch --resume alike.txt -- -n 5 2>log.batch
    check "$1" test $? = 0
    check "$1: $2 written" grep -q " $2 written, $((1 - $2)) complete before, 0 failed" log.batch
}
says() # NAME: IN_IMG of out/alike.fits, read by astropy without a word, is this name
{
    $python -W error - out/alike.fits "$1" <<'PY'
import os, sys, urllib.parse
from astropy.io import fits
with fits.open(sys.argv[1], checksum=True) as frame:
    frame.verify("exception")
    assert urllib.parse.unquote_to_bytes(frame[0].header["IN_IMG"]) == os.fsencode(sys.argv[2]), frame[0].header["IN_IMG"]
PY
}
long=$(printf 'x%.0s' {1..200})
mkdir -p "$long/$long/$long" # more than the 511 characters that a keyword held once
names=(a.fits 'a.fits ' 'a.fits&' $'\xc3\xa4.fits' $'\xc3\xb6.fits' '%C3%B6.fits' "it's.fits" "its.fits"
    "$long/$long/$long/a.fits" "$long/$long/$long/b.fits")
for name in "${names[@]}"; do
    cp im.fits "$name"
    remade "image \"$name\"" 1 "\"$name\" psf.fits out/alike.fits $grid"
    remade "image \"$name\", again" 0 "\"$name\" psf.fits out/alike.fits $grid"
    check "image \"$name\": the card" says "$name"
    rm "$name"
done
for options in '--regularize 0.1' '--regularize 0.1000000001' '--psferr 0.01' '--psferr 0.010000001' \
    '--pixpad-frac 0.79999999' '--bad2dfit desispec' '--maskbits 767'; do
    remade "$options" 1 "im.fits psf.fits out/alike.fits $grid - $options"
    remade "$options, again" 0 "im.fits psf.fits out/alike.fits $grid - $options"
done
rm -f out/alike.fits

# --- faults of files, by a preloaded library
fault() # NAME FAULT OUTPUT TEXT: the batch without OUTPUT, which fails with TEXT; then the rest
{
    afresh
    with_fault "$2"
    "${faulty[@]}" "$UNSPOT" batch out.txt -- -n 60 2>log.batch
    check "$1: exit status" test $? = 1
    check "$1: the text" grep -qE "^ERROR: out.txt:[0-9]+: no $3: .*$4" log.batch
    if [ -e "$3" ]; then fail "$1: $3 is there"; else pass; fi
    check "$1: nothing else is missing or left" test "$(ls -A out)" = "$(ls -A whole | grep -v "^${3##*/}$")"
    resume "$1, resumed" 1
}
fault 'full disk' write:.f5.fits:200000 out/f5.fits 'No space'
fault 'full disk, gzipped' write:.f4.fits.gz:200000 out/f4.fits.gz 'No space'
fault 'full disk while it is gzipped' write:f2.fits.gz:500000 out/f2.fits.gz 'No space'
gzip -k im.fits
sed -i 's/^im.fits\(.*f6\)/copy.fits\1/; s/^im.fits\(.*f1\)/im.fits.gz\1/' out.txt
sed -i 's/^im.fits\(.*f6\)/copy.fits\1/; s/^im.fits\(.*f1\)/im.fits.gz\1/' whole.txt
check 'with other inputs' batch whole.txt
fault 'read error in mid-file' read:copy.fits:600000 out/f6.fits.gz 'copy.fits: cannot read'
fault 'read error in mid-file, gzipped' read:im.fits.gz:100000 out/f1.fits 'im.fits.gz: cannot read'

# --- reading and writing beside the work
sed 's/--regularize/--backend ref --solver dense --regularize/' out.txt >slow.txt
for io in off:after threads:beside; do
    afresh
    check "slow frames, --io ${io%:*}" "$UNSPOT" batch --io ${io%:*} --timing timing.json slow.txt -- -n 10
    found=$($python "$tests/overlap.py" timing.json 2>&1)
    check "--io ${io%:*}: files and work: $found" test "$found" = ${io#*:}
done

# --- signals: the frame in hand is finished or dropped, the rest is not begun. It comes while the second is written.
with_fault hold:out/.f2.fits:0
for io in off threads; do
    afresh
    ended=$($python "$tests/run_and_signal.py" TERM 'held at' 0 "${faulty[@]}" "$UNSPOT" batch --io $io slow.txt -- -n 10)
    check "SIGTERM, --io $io: exit status, $ended" test "$ended" = 'exit 1'
    count=$(find out -name 'f*' | wc -l)
    check "SIGTERM, --io $io: some frames, $count, not all" test "$count" -ge 2 -a "$count" -lt 6
    check "SIGTERM, --io $io: no temporary is left" test -z "$(find out -name '.?*')"
    "$UNSPOT" batch --resume slow.txt -- -n 10 2>log.batch
    check "SIGTERM, --io $io: resumed" test $? = 0
    check "SIGTERM, --io $io: the rest is made" grep -q " $((6 - count)) written, $count complete before" log.batch
done

# --- tables from DESI's folders
mkdir -p desi/preproc/20260102/0000012{3,4} desi/preproc/20260102/notes desi/exposures/20260102/00000123 desi/calibnight/20260102
for camera in b0 r0 z0 r5; do cp im.fits desi/preproc/20260102/00000123/preproc-$camera-00000123.fits; done
gzip -c im.fits >desi/preproc/20260102/00000124/preproc-r0-00000124.fits.gz
cp psf.fits desi/exposures/20260102/00000123/psf-r0-00000123.fits
for camera in b0 r0 z0; do cp psf.fits desi/calibnight/20260102/psfnight-$camera-20260102.fits; done
"$UNSPOT" tasks --desi desi --night 20260102 -o tasks.txt 2>log.batch
check 'tasks' test $? = 0
check 'tasks: a camera without a PSF' grep -q 'WARNING: exposure 00000123, camera r5: an image, but no PSF' log.batch
cat >expected.txt <<'TABLE'
# night 20260102 of desi: image psf output wavelength model options
desi/preproc/20260102/00000123/preproc-z0-00000123.fits desi/calibnight/20260102/psfnight-z0-20260102.fits desi/exposures/20260102/00000123/frame-z0-00000123.fits.gz 7520,9824,0.8 - --psferr 0.01 --maskbits 767
desi/preproc/20260102/00000123/preproc-r0-00000123.fits desi/exposures/20260102/00000123/psf-r0-00000123.fits desi/exposures/20260102/00000123/frame-r0-00000123.fits.gz 5760,7620,0.8 - --psferr 0.01 --maskbits 767
desi/preproc/20260102/00000123/preproc-b0-00000123.fits desi/calibnight/20260102/psfnight-b0-20260102.fits desi/exposures/20260102/00000123/frame-b0-00000123.fits.gz 3600,5800,0.8 - --psferr 0.04 --maskbits 767
desi/preproc/20260102/00000124/preproc-r0-00000124.fits.gz desi/calibnight/20260102/psfnight-r0-20260102.fits desi/exposures/20260102/00000124/frame-r0-00000124.fits.gz 5760,7620,0.8 - --psferr 0.01 --maskbits 767
TABLE
check 'tasks: the table' diff tasks.txt expected.txt
check 'tasks: the folder' test -d desi/exposures/20260102/00000124
listed() # COUNT [OPTION...]
{
    [ "$("$UNSPOT" tasks --desi desi --night 20260102 --loglevel error "${@:2}" | grep -vc '^#')" -eq "$1" ]
}
check 'tasks: one exposure' listed 3 --expid 123
check 'tasks: one exposure, 8 digits' listed 1 --expid 00000124
check 'tasks: one camera' listed 2 --cameras r0
check 'tasks: cameras' listed 3 --cameras z0,R
mkdir elsewhere
check 'tasks: elsewhere, with models' "$UNSPOT" tasks --desi desi --night 20260102 --to elsewhere --model --cameras r -o tasks.txt
sed -i "s/5760,7620,0.8/$grid/" tasks.txt
check 'tasks: done' "$UNSPOT" batch tasks.txt -- -n 25
check 'tasks: all are there' test "$(find elsewhere -type f | wc -l)" = 4
tasks_fail() # STATUS REGEX OPTION...
{
    expect_fail "tasks ${*:3}" "$1" "$2" "$UNSPOT" tasks "${@:3}"
}
tasks_fail 2 '--desi is missing' --night 20260102
tasks_fail 2 '--night is missing' --desi desi
tasks_fail 2 '--night 2026: expected YYYYMMDD' --desi desi --night 2026
tasks_fail 2 '--expid x: expected .*digits' --desi desi --night 20260102 --expid x
for cameras in q r0b1 r, ,r r00 ''; do
    tasks_fail 2 "--cameras $cameras: expected" --desi desi --night 20260102 --cameras "$cameras"
done
tasks_fail 1 'desi/preproc/20260103: cannot be listed' --desi desi --night 20260103
tasks_fail 1 'no such frames.*exposure 9' --desi desi --night 20260102 --expid 9
tasks_fail 1 'absent: cannot make|absent/exposures: cannot make' --desi desi --night 20260102 --to absent --cameras b -o absent.txt
finish
