#!/usr/bin/env bash
# ci/gpu run, the procedure: without a device nothing but a line; with one, or the host in its place, a file with
# what was measured. What needs a GPU (MPS, gpu_specter) has stand-ins.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2016 # functions run through `check`; scripts in quotes
. "$(dirname "$0")/program_lib.sh"
gpu=$(realpath "$tests/../ci/gpu")
mkdir -p out bin build

# run [OPTION...]: on the device of this test run, into out/
run()
{
    "$gpu" run --preset "$PWD/build" --device "${UNSPOT_DEVICE:-host}" --quick --repeat 1 --results out --name x "$@"
}
# says KEY... VALUE: what the result holds
says()
{
    $python - "$@" <<'PYTHON'
import json, sys
value = json.load(open("out/gpu-x.json"))
for key in sys.argv[1:-1]:
    value = value[key]
sys.exit("%s, not %s" % (value, sys.argv[-1]) if str(value) != sys.argv[-1] else 0)
PYTHON
}

# --- no such device
ln -s "$UNSPOT" build/unspot
"$gpu" run --preset "$PWD/build" --device 99999 --quick --results out >log.stdout 2>log.stderr
check 'no device: exit status 1' test $? -eq 1
check 'no device: not a word on stdout' test ! -s log.stdout
check 'no device: one line' test "$(wc -l <log.stderr)" -eq 1
check 'no device: why' grep -q '^ci/gpu: nothing was run: unspot on device 99999: ERROR: --device 99999: ' log.stderr
check 'no device: no file' test -z "$(ls -A out)"

# --- tests: one that passes, one that is skipped, one that fails
for status in 0 1 77; do
    printf '#!/bin/sh\necho "skipped: for a reason"\nexit %d\n' $status >build/test_$status
done
chmod +x build/test_*
run --parts tests --tests '^test_' >log.stdout 2>&1
check 'a failing test: exit status 1' test $? -eq 1
check 'a passing test' says tests test_0 result passed
check 'a skipped test' says tests test_77 result skipped
check 'a failing test' says tests test_1 result failed
check 'a failing test is listed' says failures "['test_1, exit status 1']"

# --- a GPU that works, by the name that it has in nvidia-smi, with and without cuSOLVER
rm build/test_1
cat >bin/nvidia-smi <<SMI
#!/bin/sh
echo "$($python -c 'import json; print(json.load(open("out/gpu-x.json"))["device"])'), 1, 1, 1, 1, 1"
SMI
chmod +x bin/nvidia-smi
for linalg in 'cuda: CUDA 13.0' 'cuda: not here: a reason'; do
    printf '#!/bin/sh\n[ "$1" != info ] || exec echo "linalg       %s"\nexec "%s" "$@"\n' "$linalg" "$UNSPOT" >build/other
    chmod +x build/other && mv build/other build/unspot
    PATH=$PWD/bin:$PATH run --parts tests --tests '^test_' >log.stdout 2>&1
    echo $? >>log.status
done
check 'cuSOLVER: its absence alone is a failure' test "$(tr '\n' ' ' <log.status)" = '0 1 '
check 'no cuSOLVER: why' says failures "['unspot info: linalg cuda: not here: a reason']"
ln -sf "$UNSPOT" build/unspot
rm bin/nvidia-smi

# --- frames, with stand-ins for the service and for the Python of gpu_specter
cat >bin/nvidia-cuda-mps-control <<'MPS'
#!/usr/bin/env bash
up=$CUDA_MPS_PIPE_DIRECTORY/up
[ "${1:-}" != -d ] || { touch "$up" && exit; }
read -r line
[ -e "$up" ] || exit 1
[ "$line" != quit ] || rm "$up"
MPS
cat >bin/peer <<'PEER'
#!/bin/sh
echo ready
while read -r line; do sleep 0.1 && echo done; done
echo '{"median": 0.5}'
PEER
chmod +x bin/*
PATH=$PWD/bin:$PATH
check 'frames' run --parts extract,throughput --processes 1,2 --peer "$work" --python "$work/bin/peer"
for solver in banded dense; do
    check "$solver: as on the host" says extract $solver device_against_host within_tolerances True
done
check 'all parts ran' says complete True
check 'nothing failed' says failures '[]'
check 'frames per hour' $python -c 'import json
rates = json.load(open("out/gpu-x.json"))["frames_per_hour"]
assert list(rates) == ["1", "2", "2 mps"] and all(rate > 0 for rate in rates.values()), rates'
check 'gpu_specter' says gpu_specter '1 processes, nwavestep 15' flux_from_unspot_sigma median 0.5
check 'one file' test "$(ls -A out)" = gpu-x.json

# --- a device that computes something else
cat >build/other <<OTHER
#!/usr/bin/env bash
[[ " \$* " != *' -o '*/banded-device.fits* ]] || set -- "\$@" -r 0.1
exec '$UNSPOT' "\$@"
OTHER
chmod +x build/other && mv build/other build/unspot
run --parts extract >log.stdout 2>&1
check 'another result: exit status 1' test $? -eq 1
check 'another result' says extract banded device_against_host within_tolerances False
check 'another result: the right one is not blamed' says extract dense device_against_host within_tolerances True
finish
