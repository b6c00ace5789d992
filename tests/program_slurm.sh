#!/usr/bin/env bash
# ci/slurm-cpu and ci/slurm-gpu, with mpiexec in the place of srun and a stand-in for MPS: all frames, the time limit,
# the rest after it, a rank that dies.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2012 # functions run through `check`; plain names
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
if "$UNSPOT" info | grep -q '^MPI  *none'; then skip_all 'this build has no MPI'; fi
command -v mpiexec >/dev/null || skip_all 'no mpiexec (Debian: mpich)'
ln -s "$(realpath "$tests/../ci")" ci # in the folder that jobs are submitted from
small_image 25 $grid
mkdir bin out

# srun as far as the scripts use it: two ranks; it keeps its options. With a file `signal`, "NAME all" or "NAME RANK",
# that is sent while the first frames are written: to each rank's process, as Slurm does, or to that one's.
cat >bin/srun <<'SRUN'
#!/usr/bin/env bash
options=()
while [[ $1 == -* ]]; do
    [ "$1" != -c ] || { options+=("$1") && shift; }
    options+=("$1")
    shift
done
echo "${options[*]}" >srun.options
faulty=()
[ ! -e signal ] || faulty=(env UNSPOT_FAULT=hold:out/.:0 LD_PRELOAD="$UNSPOT_FAULT_SHIM")
rm -f go
mpiexec -n 2 "${faulty[@]}" "$@" 2>srun.log &
starter=$!
if [ -e signal ]; then
    read -r name whom <signal
    while kill -0 $starter && ! grep -q 'held at' srun.log; do sleep 0.1; done
    for pid in $(pgrep -f "^$UNSPOT batch"); do
        [[ $(readlink "/proc/$pid/cwd") == "$PWD"* ]] || continue # another test's
        rank=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^PMI_RANK=//p')
        [[ $whom != all && $whom != "$rank" ]] || kill -"$name" "$pid"
    done
    sleep 0.5
    touch go
fi
wait $starter
SRUN
cat >bin/nvidia-cuda-mps-control <<'MPS'
#!/usr/bin/env bash
[ "${1:-}" != -d ] || { touch mps.up && exit; }
read -r line
[ -e mps.up ] || exit 1
[ "$line" != quit ] || rm mps.up
MPS
# The program, on the device of this test in the GPU's place
cat >bin/on_gpu <<STAND_IN
#!/usr/bin/env bash
[ "\$1" != batch ] || [ -e mps.up ] || exit 1
if [ "\${*: -2}" = '--device gpu' ]; then set -- "\${@:1:\$#-1}" "${UNSPOT_DEVICE:-host}"; fi
exec '$UNSPOT' "\$@"
STAND_IN
printf '#!/bin/sh\necho "MPI          none: this build runs as one process"\n' >bin/without_mpi
chmod +x bin/*
export PATH=$PWD/bin:$PATH CUDA_MPS_PIPE_DIRECTORY=$PWD/mps SLURM_SUBMIT_DIR=$PWD SLURM_JOB_ID=7
unset SLURM_LOCALID

for frame in 1 2 3 4 5 6; do
    echo "im.fits psf.fits out/$frame.fits $grid - -n 25 --regularize 0.00$frame"
done >night.txt
sed 's/$/ --device host --backend ref --solver dense/' night.txt >slow.txt

# job SCRIPT TASKS: what sbatch runs
job()
{
    local program=$UNSPOT
    [ "$1" = slurm-cpu ] || program=$PWD/bin/on_gpu
    UNSPOT_PROGRAM=$program timeout 120 "ci/$1" "$2" # for hangs only
}
all_frames() # and nothing else
{
    test "$(ls -A out | tr '\n' ' ')" = '1.fits 2.fits 3.fits 4.fits 5.fits 6.fits '
}
everything() # SCRIPT OPTIONS OF SRUN
{
    rm -rf out && mkdir out
    check "$1" job "$1" night.txt
    check "$1: all frames, no other" all_frames
    check "$1: by two ranks, each a group" grep -q 'ranks: 2, groups: 2,' srun.log
    check "$1: options of srun" test "$(cat srun.options)" = "$2"
    check "$1: the timing file" $python -m json.tool night-7.json
    check "$1: once more" job "$1" night.txt
    check "$1: once more: nothing to do" grep -q ' 0 written, 6 complete before' srun.log
    rm night-7.json
}
everything slurm-cpu '--ntasks-per-node=16 -c 16 --cpu-bind=cores --kill-on-bad-exit=1'
mv out whole
everything slurm-gpu \
    '--ntasks-per-node=16 -c 8 --gpus-per-node=4 --gpu-bind=none --cpu-bind=cores --kill-on-bad-exit=1'
check 'slurm-gpu: the service is gone' test ! -e mps.up
for frame in 1 6; do
    check "slurm-gpu: as slurm-cpu, $frame" "$UNSPOT" compare out/$frame.fits whole/$frame.fits
done

# --- what is sent before the time limit, and the same line again; a rank that dies
ends() # SCRIPT SIGNAL
{
    rm -rf out && mkdir out
    echo "$2" >signal
    job "$1" slow.txt 2>log.stderr
    status=$?
    rm signal
    check "$1, $2: no hang" test $status -ne 124
    check "$1, $2: it fails" test $status -ne 0
    check "$1, $2: not all frames" test "$(find out -name '[1-6].fits' | wc -l)" -lt 6
    if [ "${2#TERM}" != "$2" ]; then
        check "$1, $2: the summary" grep -q 'frames are missing, as a signal' srun.log
        check "$1, $2: no temporary is left" test -z "$(find out -name '.?*')"
    fi
    check "$1, $2: the service is gone" test ! -e mps.up
    check "$1, $2: the same line again" job "$1" slow.txt
    check "$1, $2: all frames" all_frames
}
ends slurm-cpu 'TERM all'
ends slurm-gpu 'TERM all'
ends slurm-gpu 'TERM 0'
ends slurm-gpu 'KILL 0'
ends slurm-gpu 'KILL 1'

# --- a build without MPI
for script in slurm-cpu slurm-gpu; do
    UNSPOT_PROGRAM=bin/without_mpi ci/$script night.txt >log.stdout 2>log.stderr
    check "$script without MPI: exit status" test $? -eq 1
    check "$script without MPI: the text" grep -q "^ci/$script: bin/without_mpi was built without MPI$" log.stderr
done
finish
