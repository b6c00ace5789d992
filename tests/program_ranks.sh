#!/usr/bin/env bash
# Several processes by MPI: the same bits whoever does what, --io, groups, nodes, ranks that die.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
if "$UNSPOT" info | grep -q '^MPI  *none'; then skip_all 'this build has no MPI'; fi
command -v mpiexec >/dev/null || skip_all 'no mpiexec (Debian: mpich)'
export OMP_NUM_THREADS=1
mkdir out
small_image 60 $grid # three bundles, the last one of ten fibers

same() # A B
{
    $python "$tests/same_data.py" "$@"
}

# --- one frame: as many ranks as bundles and fewer, and more, so that subbundles are divided
extract() # RANKS FRAME [OPTION...]
{
    mpiexec -n "$1" "$UNSPOT" extract -i im.fits -p psf.fits -o "$2" -w $grid -n 60 "${@:3}"
}
options=('' '-s 20' '--patch bundle --device host' '--solver dense' '--bundlesize 7 --nsubbundles 3')
for i in "${!options[@]}"; do
    check "no mpiexec ${options[i]}" "$UNSPOT" extract -i im.fits -p psf.fits -o whole.$i -w $grid -n 60 -m model.$i ${options[i]}
    counts='1 2 3 5 8'
    if [ "$i" -gt 0 ] || [ -n "${UNSPOT_QUICK:-}" ]; then counts='2 8'; fi
    for ranks in $counts; do
        check "$ranks ranks ${options[i]}" extract $ranks f.fits ${options[i]}
        check "$ranks ranks ${options[i]}: the same frame" same f.fits whole.$i
    done
    check "3 ranks with a model ${options[i]}" extract 3 f.fits -m m.fits ${options[i]}
    check "3 ranks with a model ${options[i]}: the same frame" same f.fits whole.$i
    check "3 ranks with a model ${options[i]}: the same model" same m.fits model.$i
done
OMP_NUM_THREADS=3 extract 2 f.fits --timing t.json --loglevel debug 2>log.debug
check 'ranks of 3 threads' test $? = 0
check 'ranks of a node see one image' grep -q 'the ranks see one image' log.debug
check 'ranks of 3 threads: the same frame' same f.fits whole.0
check 'timing counts the patches of all ranks' grep -q '"patches": 45,' t.json
expect_fail 'an option is wrong: one rank says so' 2 '--solver best: expected' extract 3 out/f.fits --solver best
expect_fail 'no image: one rank says so' 1 'absent.fits: no such file' mpiexec -n 3 "$UNSPOT" extract -i absent.fits \
    -p psf.fits -o out/f.fits --loglevel error
expect_fail 'no such device: before any work' 1 '--device 99999: (this build has no offloading|OpenMP has )' extract 3 out/f.fits --device 99999

# --- ranks that were not started alike: one says so, before any work, and none waits for ever
one() # the command of one rank
{
    echo "$UNSPOT extract -i im.fits -p psf.fits -o out/f.fits -w $grid -n 60 --loglevel error"
}
unlike() # NAME REGEX MPIEXEC_ARGUMENT...
{
    expect_fail "$1" 2 "^ERROR: $2" timeout 60 mpiexec "${@:3}"
}
rm -f out/*
unlike 'another option on one rank' 'rank 1: --regularize 1, where rank 0 has --regularize 0: start all ranks alike' \
    -n 1 $(one) : -n 2 $(one) --regularize 1
unlike 'an option on the last rank alone' 'rank 2: --regularize 0, where rank 0 has --regularize 1e-05' -n 2 $(one) -r 1e-05 : -n 1 $(one)
unlike 'options that are nearly the same' 'rank 1: --pixpad-frac 0.8' -n 1 $(one) : -n 1 $(one) --pixpad-frac 0.80000000001
unlike 'a wrong option on rank 0' '--bogus: unknown option' -n 1 $(one) --bogus : -n 2 $(one)
unlike 'a wrong option on another rank' 'rank 2: --bogus: unknown option' -n 2 $(one) : -n 1 $(one) --bogus
unlike 'a wrong number on another rank' 'rank 1: --nspec 0, where rank 0 has --nspec 60' -n 1 $(one) : -n 2 $(one) -n 0
unlike 'a model on one rank' 'rank 1: --wavelength .*, where rank 0 has --model out/m.fits' -n 1 $(one) -m out/m.fits : -n 1 $(one)
unlike 'another device on one rank' 'rank 1: --device host, where rank 0 has --device auto' \
    -n 1 $(one) --device auto : -n 1 $(one) --device host
echo "im.fits psf.fits out/f.fits $grid" >agree.txt
unlike 'extract and batch' 'rank 1: unspot .* batch, where rank 0 has unspot .* extract' -n 1 $(one) : -n 1 "$UNSPOT" batch agree.txt
unlike 'another --io on one rank' 'rank 1: --io threads, where rank 0 has --io off' \
    -n 1 "$UNSPOT" batch --io off agree.txt : -n 2 "$UNSPOT" batch agree.txt
unlike '--resume on one rank' 'rank 1: no --resume, where rank 0 has --resume' \
    -n 1 "$UNSPOT" batch --resume agree.txt : -n 2 "$UNSPOT" batch agree.txt
unlike 'an option for all tasks on one rank' 'rank 2: 30, where rank 0 has 20' \
    -n 2 "$UNSPOT" batch agree.txt -- -n 20 : -n 1 "$UNSPOT" batch agree.txt -- -n 30
unlike 'a wrong option of a batch' 'rank 1: --io fast: expected' -n 1 "$UNSPOT" batch agree.txt : -n 1 "$UNSPOT" batch --io fast agree.txt
check 'threads, log and progress may differ' timeout 60 mpiexec -n 1 $(one) : -n 1 $(one) --threads 2 --loglevel warn --progress never
check 'threads, log and progress may differ: the same frame' same out/f.fits whole.0
rm -f out/*

# --- many frames
for i in 1 2 3 4 5; do
    echo "im.fits psf.fits out/f$i.fits$([ $i = 2 ] && echo .gz) $grid $([ $i = 3 ] && echo out/m3.fits || echo -) --regularize 0.00$i"
done >tasks.txt
check 'no mpiexec' "$UNSPOT" batch tasks.txt -- -n 60
mv out whole.d && mkdir out
all_same() # what is in out/ is what is in whole.d/, and nothing else is there
{
    $python "$tests/same_folder.py" out whole.d
}
batch() # RANKS [OPTION...]: afresh
{
    rm -rf out && mkdir out
    mpiexec -n "$1" "$UNSPOT" batch "${@:2}" tasks.txt -- -n 60
}
many() # GROUPS RANKS [OPTION...]
{
    batch "${@:2}" 2>log.batch
    check "batch, ${*:2}" test $? = 0
    check "batch, ${*:2}: $1 groups" grep -q "ranks: $2, groups: $1," log.batch
    check "batch, ${*:2}: the frames" all_same
}
many 1 2 --io off
many 1 3 --io threads --timing t.json
check 'timing is JSON' $python -m json.tool t.json
many 1 3 --io ranks --timing t.json
check 'timing is JSON' $python -m json.tool t.json
many 1 5 --io ranks
many 2 2 --group-size 1
many 2 6 --group-size 3 --io ranks
many 4 8 --group-size 2
expect_fail 'group size' 2 '--group-size 2: does not divide the 3 ranks' mpiexec -n 3 "$UNSPOT" batch --group-size 2 tasks.txt
expect_fail 'reader, writer, and nobody else' 2 'a group needs 3 ranks' mpiexec -n 2 "$UNSPOT" batch --io ranks tasks.txt
expect_fail 'no table: one rank says so' 1 'absent.txt: cannot open' mpiexec -n 3 "$UNSPOT" batch absent.txt
expect_fail 'no such device: before any work' 1 '--device 99999: (this build has no offloading|OpenMP has )' mpiexec -n 3 "$UNSPOT" batch tasks.txt -- -n 60 --device 99999

# Each rank a node of its own, so that counters are not in shared memory (this variable is MPICH's).
export MPIR_CVAR_NOLOCAL=1
if batch 2 --loglevel info 2>&1 | grep -q 'nodes: 2,' || "$UNSPOT" info | grep -q '^MPI .*MPICH'; then
    many 3 3
    many 1 3 --group-size 3
    many 2 6 --group-size 3 --io ranks
    extract 3 f.fits --loglevel debug 2>log.debug
    check 'a frame over three nodes' test $? = 0
    check 'each node gets a copy of the image' grep -q 'each rank gets a copy of the image' log.debug
    check 'a frame over three nodes: the same' same f.fits whole.0
else
    echo 'left out: several nodes, as this MPI cannot pretend'
fi
unset MPIR_CVAR_NOLOCAL

# --- bad frames among good ones
echo "absent.fits psf.fits out/x1.fits $grid" >bad.txt
cat tasks.txt >>bad.txt
echo "psf.fits psf.fits out/x2.fits $grid" >>bad.txt
for io in threads ranks; do
    rm -rf out && mkdir out
    mpiexec -n 4 "$UNSPOT" batch --io $io bad.txt -- -n 60 2>log.batch
    check "bad frames, --io $io: exit status" test $? = 1
    check "bad frames, --io $io: the others" all_same
    check "bad frames, --io $io: each is named once" test "$(grep -c '^ERROR: bad.txt:[17]: no out/x[12].fits: ' log.batch)" = 2
    check "bad frames, --io $io: the summary" grep -q '7 frames: 5 written, 0 complete before, 2 failed' log.batch
done
mpiexec -n 3 "$UNSPOT" batch --io ranks --resume tasks.txt -- -n 60 2>log.batch
check 'resume by ranks' test $? = 0
check 'resume by ranks: nothing to do' grep -q ' 0 written, 5 complete before' log.batch

# --- ranks that die: the end of all, soon, with a message; then the rest is made. `timeout` is for hangs only.
# mpiexec of MPICH 4.1 and 4.2 (Debian 13) now and then exits with 0, without a word, when two ranks end at once:
# github.com/pmodels/mpich/issues/7057.
mpiexec_tells=yes
if mpiexec --version | grep -qE 'Version: +4\.[12]\.'; then
    mpiexec_tells=no
    echo 'left out: the exit status of mpiexec when a rank dies, as that of this MPICH is wrong now and then'
fi
sed 's/--regularize/--backend ref --solver dense --regularize/' tasks.txt >slow.txt
export UNSPOT_DEVICE=host # whose backend `ref` is slow
afresh_slow()
{
    rm -rf out && mkdir out
}
afresh_slow
check 'slow frames' mpiexec -n 2 "$UNSPOT" batch slow.txt -- -n 10
rm -rf whole.d && mv out whole.d
afresh_slow
check 'slow frames, --io ranks' mpiexec -n 4 "$UNSPOT" batch --io ranks --timing t.json slow.txt -- -n 10
found=$($python "$tests/overlap.py" t.json 2>&1)
check "--io ranks: files and work: $found" test "$found" = beside
check 'the picture of who did what' "$tests/../ci/timeline" t.json picture.svg
check 'the picture: frame 5 was written' grep -q 'write 5: ' picture.svg
check 'the model of many nodes' "$tests/../ci/scale" t.json t.json
pids() # of the ranks that PID, an mpiexec, has started
{
    local pid
    for pid in $(pgrep -P "$1"); do
        if [ "$(readlink "/proc/$pid/exe")" = "$UNSPOT" ]; then echo "$pid"; else pids "$pid"; fi
    done
}
# await TEXT FILE: until it is there
await()
{
    for _ in $(seq 3000); do
        if grep -q "$1" "$2"; then return; fi
        sleep 0.02
    done
    fail "no line with '$1'" "$2"
}
# The signal comes while the first frame is written, which goes on after it: so that not all frames are in hand by then.
with_fault hold:out/.f1.fits:0
die() # RANK SIGNAL OPTION...
{
    local name="rank $1 gets $2, ${*:3}" victim starter status
    afresh_slow
    rm -f go
    mpiexec -n 4 "${faulty[@]}" "$UNSPOT" batch "${@:3}" slow.txt -- -n 10 2>log.batch >log.stdout &
    starter=$!
    await 'held at' log.batch
    victim=$(pids $starter | sort -n | sed -n "$(($1 + 1))p")
    check "$name: it runs" kill -"$2" "$victim"
    sleep 0.5
    touch go
    timeout 60 tail --pid=$starter -f /dev/null
    check "$name: no hang" test $? = 0
    kill -9 $starter 2>log.check
    wait $starter
    status=$?
    if [ $mpiexec_tells = yes ]; then
        check "$name: exit status" test $status -ne 0
        if [ "$2" = KILL ]; then # mpiexec's, of this rank, or of one that noticed it
            check "$name: a message" grep -qiE 'killed|bad termination|abort' log.batch log.stdout
        fi
    fi
    if [ "$2" = TERM ]; then check "$name: the summary" grep -q 'frames are missing, as a signal' log.batch; fi
    check "$name: resumed" mpiexec -n 2 "$UNSPOT" batch --resume slow.txt -- -n 10
    check "$name: the frames" all_same
}
die 0 KILL --io threads
die 1 KILL --io threads --group-size 2
die 2 KILL --io ranks
die 1 TERM --io threads
die 3 TERM --io ranks

# One frame: it is made whole or not at all. The signal comes while rank 0 reads the image, or all are at work.
die_in_frame() # SIGNAL TEXT: to the last of three ranks when TEXT is written
{
    local name="a frame's rank gets $1 at '$2'" starter status
    afresh_slow
    rm -f go
    mpiexec -n 3 "${faulty[@]}" "$UNSPOT" extract -i im.fits -p psf.fits -o out/f.fits -w $grid -n 60 --backend ref \
        --solver dense 2>log.extract >log.stdout &
    starter=$!
    await "$2" log.extract
    check "$name: it runs" kill -"$1" "$(pids $starter | sort -n | tail -n 1)"
    timeout 60 tail --pid=$starter -f /dev/null
    check "$name: no hang" test $? = 0
    kill -9 $starter 2>log.check
    wait $starter
    status=$?
    if [ $mpiexec_tells = yes ]; then check "$name: exit status" test $status -ne 0; fi
    check "$name: no file" test -z "$(ls -A out)"
}
for signal in KILL TERM; do
    with_fault hold:im.fits:100000
    die_in_frame $signal 'held at'
    with_fault hold:absent:0
    die_in_frame $signal 'extracting spectra'
done

# mpiexec hands SIGTERM on to all ranks, as Slurm does; MPICH's then does not always give their exit status
afresh_slow
with_fault hold:out/.f1.fits:0
$python "$tests/run_and_signal.py" TERM 'held at' 0 mpiexec -n 2 "${faulty[@]}" "$UNSPOT" batch slow.txt -- -n 10 \
    >log.batch 2>&1
count=$(find out -name 'f*' | wc -l)
check "SIGTERM to all: some frames, $count, not all" test "$count" -ge 1 -a "$count" -lt 5
check 'SIGTERM to all: no temporary is left' test -z "$(find out -name '.?*')"
check 'SIGTERM to all: resumed' mpiexec -n 2 "$UNSPOT" batch --resume slow.txt -- -n 10
check 'SIGTERM to all: the frames' all_same
finish
