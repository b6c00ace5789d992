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
    value = value[int(key) if isinstance(value, list) else key]
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

# --- tests that hang or die; two hangs are the end
printf '#!/bin/sh\nsleep 60 & sleep 60\n' >build/test_hangs
printf '#!/bin/sh\nkill -SEGV $$\n' >build/test_dies
cp build/test_hangs build/test_hangs_too
chmod +x build/test_*
run --parts tests --limit 5 --tests '^test_(0|dies|hangs)$' >log.stdout 2>&1
check 'a test that hangs: exit status 1' test $? -eq 1
check 'a test that hangs is named' says failures "['test_dies, SIGSEGV', 'test_hangs, no end after 5 s']"
check 'a test that hangs: what was before it' says tests test_0 result passed
check 'a test that dies: by which signal' says tests test_dies how SIGSEGV
check 'one hang is not the end' says complete True
run --parts tests,extract --limit 5 --tests '^test_(77|hangs.*)$' >log.stdout 2>&1
check 'two hangs: exit status 1' test $? -eq 1
check 'two hangs: the end' says stopped 'two hangs'
check 'two hangs: not complete' says complete False
check 'two hangs: what was before them' says tests test_77 result skipped
check 'two hangs: nothing after them' $python -c 'import json; assert "extract" not in json.load(open("out/gpu-x.json"))'
rm build/test_dies build/test_hangs*

# --- tiny problems: the first that is wrong has a name
printf '#!/bin/sh\nexit 3\n' >build/test_device
printf '#!/bin/sh\nexit 4\n' >build/test_omp
chmod +x build/test_device build/test_omp
run --parts smoke >log.stdout 2>&1
check 'smoke: exit status 1' test $? -eq 1
check 'smoke: the first wrong' says smoke first_wrong 'test_device, exit status 3'
check 'smoke: all wrong' says failures "['test_device, exit status 3', 'test_omp, exit status 4']"
check 'smoke: as on the host' says smoke device_against_host within_tolerances True
check 'smoke: its size' says smoke spectra 25
rm build/test_device build/test_omp

# --- a device that hangs: the file is there
cat >build/other <<OTHER
#!/usr/bin/env bash
[[ " \$* " != *' -o '*/check-device.fits* ]] || sleep 60
exec '$UNSPOT' "\$@"
OTHER
chmod +x build/other && mv build/other build/unspot
run --parts smoke,tests --limit 5 >log.stdout 2>&1
check 'a hanging extraction: exit status 1' test $? -eq 1
check 'a hanging extraction: said' says smoke first_wrong "small extraction on device ${UNSPOT_DEVICE:-host}, no end after 5 s"
check 'a hanging extraction: the end' says stopped 'the small extraction failed'
ln -sf "$UNSPOT" build/unspot

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
cat >bin/compute-sanitizer <<'SANITIZER'
#!/bin/sh
echo '========= ERROR SUMMARY: 0 errors'
SANITIZER
cat >bin/ncu <<'NCU'
#!/bin/sh
case " $* " in
    *' raw '*) cat <<'CSV' ;;
==PROF== of no interest
"ID","Kernel Name","gpu__time_duration.sum","launch__registers_per_thread","smsp__average_warps_issue_stalled_barrier_per_issue_active.ratio","smsp__average_warps_issue_stalled_wait_per_issue_active.ratio"
"","","ns","register/thread","inst","inst"
"0","__omp_offloading_10_abc_band_l9","2,500","126","1.5","3.25"
CSV
    *) echo details ;;
esac
NCU
chmod +x bin/*
PATH=$PWD/bin:$PATH
check 'frames' run --parts extract,throughput,sanitize,profile --processes 1,2 --peer "$work" \
    --python "$work/bin/peer" --variants "same=$work/build,$work/build"
for solver in banded dense; do
    check "$solver: as on the host" says extract $solver device_against_host within_tolerances True
done
check 'all parts ran' says complete True
check 'nothing failed' says failures '[]'
check 'frames per hour' $python -c 'import json
rates = json.load(open("out/gpu-x.json"))["frames_per_hour"]
assert list(rates) == ["1", "2", "2 mps"] and all(rate > 0 for rate in rates.values()), rates'
check 'a batch of frames' $python -c 'import json
batch = json.load(open("out/gpu-x.json"))["batch"]
assert batch["frames"] == 2 and batch["first"] > 0 and batch["later"] > 0, batch'
for variant in same build; do
    check "variant $variant" says variants $variant against_host within_tolerances True
done
check 'sanitizers' says sanitize initcheck summary 'ERROR SUMMARY: 0 errors'
check 'profile: kernel' says profiles ncu 0 kernel band_l9
check 'profile: time' says profiles ncu 0 microseconds 2.5
check 'profile: what it waits for, the most first' says profiles ncu 0 stalls "{'wait': 3.25, 'barrier': 1.5}"
check 'gpu_specter' says gpu_specter '1 processes, nwavestep 50' flux_from_unspot_sigma median 0.5
check 'the profiles are beside it' test -s out/gpu-x.ncu.txt -a -s out/gpu-x.memcheck.txt
check 'no file is left half-written' test -z "$(find out -name '*.tmp')"

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
