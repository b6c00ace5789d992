#!/usr/bin/env bash
# ci/slurm-cpu and ci/slurm-gpu, with stand-ins for srun and MPS: each frame is extracted once, by one of the ranks.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2012 # functions run through `check`; plain names
. "$(dirname "$0")/program_lib.sh"
ci=$(realpath "$tests/../ci")
small_image 25 $grid
mkdir bin out

# srun of Slurm as far as the scripts use it: four tasks on a node of two GPUs; it keeps its own options for the test
cat >bin/srun <<'SRUN'
#!/usr/bin/env bash
options=()
while [[ $1 == --* ]]; do
    options+=("$1")
    shift
done
echo "${options[*]}" >srun.options
status=0
for rank in 0 1 2 3; do
    SLURM_PROCID=$rank SLURM_LOCALID=$rank SLURM_NTASKS=4 "$@" &
    tasks[rank]=$!
done
for rank in 0 1 2 3; do wait "${tasks[$rank]}" || status=$?; done
exit $status
SRUN
cat >bin/nvidia-cuda-mps-control <<'MPS'
#!/usr/bin/env bash
[ "${1:-}" != -d ] || { touch mps.up && exit; }
read -r line
[ -e mps.up ] || exit 1
[ "$line" != quit ] || rm mps.up
MPS
# The program, which notes the device that it is given
cat >bin/unspot <<STAND_IN
#!/usr/bin/env bash
arguments=()
while [ \$# -gt 0 ]; do
    if [ "\$1" = --device ]; then
        echo "\$2 \$SLURM_LOCALID" >>devices
        shift 2
    else
        arguments+=("\$1")
        shift
    fi
done
exec '$UNSPOT' "\${arguments[@]}" --loglevel error
STAND_IN
chmod +x bin/*
export UNSPOT_PROGRAM=$PWD/bin/unspot PATH=$PWD/bin:$PATH CUDA_MPS_PIPE_DIRECTORY=$PWD/mps
export SLURM_SUBMIT_DIR=$PWD SLURM_CPUS_PER_TASK=2 SLURM_GPUS_ON_NODE=2
ln -s "$ci" ci # the folder that jobs are submitted from

{
    echo '# a comment, and an empty line'
    echo
    for frame in 1 2 3 4 5; do echo "im.fits psf.fits out/$frame.fits $grid"; done
    printf 'im.fits psf.fits out/6.fits %s' $grid # without an end of line
} >frames

# everywhere SCRIPT DEVICES: all frames are there, from the ranks' own devices
everywhere()
{
    rm -rf devices out && mkdir out
    check "$1" "ci/$1" frames
    check "$1: all frames, no other" test "$(ls -A out | tr '\n' ' ')" = '1.fits 2.fits 3.fits 4.fits 5.fits 6.fits '
    check "$1: devices of the ranks" test "$(sort devices | tr '\n' ',')" = "$2"
    check "$1: a frame" "$UNSPOT" compare out/1.fits out/6.fits
}
everywhere slurm-cpu 'host 0,host 0,host 1,host 1,host 2,host 3,'
everywhere slurm-gpu '0 0,0 0,0 2,1 1,1 1,1 3,'
check 'slurm-gpu: ranks see all GPUs' grep -q -- '--gpu-bind=none' srun.options
check 'slurm-gpu: the service is gone' test ! -e mps.up

# --- a bad frame and a bad line: named, the others are there
sed -i '3s/im.fits/missing.fits/; 4s/ [0-9,.]*$//' frames
rm -r out && mkdir out
ci/slurm-cpu frames 2>log.stderr
check 'bad frames: exit status 1' test $? -eq 1
check 'bad frames: the others are there' test "$(ls -A out | tr '\n' ' ')" = '3.fits 4.fits 5.fits 6.fits '
check 'a frame without an image' grep -q '^ci/slurm-rank: failed: out/1.fits$' log.stderr
check 'a line without a range' grep -q '^ci/slurm-rank: frames: expected .* out/2.fits' log.stderr
check 'no list of frames: an error' test "$(ci/slurm-cpu nowhere 2>&1 | grep -c 'no file nowhere')" -eq 4
finish
