#!/usr/bin/env bash
# ci/mps-wrapper, with a stand-in for the service: it is up while any command of the node runs, and only then.
# shellcheck source=tests/program_lib.sh disable=SC2317 # functions run through `check`
. "$(dirname "$0")/program_lib.sh"
wrapper=$tests/../ci/mps-wrapper

# The service "runs" while the file up exists; a client of a service that is not up fails, as NVIDIA's does.
mkdir bin
cat >bin/nvidia-cuda-mps-control <<'STAND_IN'
#!/usr/bin/env bash
if [ "${1:-}" = -d ]; then
    echo "start ${CUDA_VISIBLE_DEVICES-all}" >>"$STAND_IN/log"
    [ ! -e "$STAND_IN/broken" ] || exit 1
    [ ! -e "$STAND_IN/up" ] || { echo "started twice" >>"$STAND_IN/log"; exit 1; }
    (sleep 0.5 && touch "$STAND_IN/up") >/dev/null 2>&1 &
    exit 0
fi
read -r line
[ -e "$STAND_IN/up" ] || exit 1
[ "$line" != quit ] || { rm "$STAND_IN/up" && echo quit >>"$STAND_IN/log"; }
STAND_IN
chmod +x bin/nvidia-cuda-mps-control
export STAND_IN=$PWD PATH=$PWD/bin:$PATH CUDA_MPS_PIPE_DIRECTORY=$PWD/mps CUDA_VISIBLE_DEVICES=3
unset SLURM_LOCALID MPI_LOCALRANKID OMPI_COMM_WORLD_LOCAL_RANK

# A rank's command: notes whether the service is up when it starts and when it ends
cat >bin/work <<'WORK'
#!/usr/bin/env bash
before=$(test -e "$STAND_IN/up" && echo up)
sleep "$2"
echo "$1 $before $(test -e "$STAND_IN/up" && echo up) $CUDA_VISIBLE_DEVICES" >>"$STAND_IN/ranks"
exit "$3"
WORK
chmod +x bin/work

# wrapped COMMAND...: until its command has ended and, if that is its part, the service
wrapped()
{
    "$wrapper" "$@" 2>&1 | cat
    return "${PIPESTATUS[0]}"
}

# --- three ranks of a node: the first one ends first, the last one started
for rank in 2 1 0; do
    SLURM_LOCALID=$rank wrapped work $rank $((1 + rank)) $((10 + rank)) >"log.$rank" &
    pids[rank]=$!
done
for rank in 0 1 2; do
    wait "${pids[$rank]}"
    check "rank $rank: the command's exit status" test $? -eq $((10 + rank))
    check "rank $rank: not a word" test ! -s "log.$rank"
done
check 'the service was up for all ranks, from start to end' test \
    "$(sort ranks | tr '\n' ' ')" = '0 up up 3 1 up up 3 2 up up 3 '
check 'it was started once, with all GPUs, and stopped once' test "$(tr '\n' ' ' <log)" = 'start all quit '
check 'it is gone' test ! -e up

# --- one process without a launcher
: >log
check 'no launcher' wrapped work 0 0 0
check 'no launcher: started and stopped' test "$(tr '\n' ' ' <log)" = 'start all quit '

# --- ranks that a signal ends: the first one's does not end the service, the last one's does
: >log
SLURM_LOCALID=0 "$wrapper" sleep 1000 2>log.killed &
first=$!
SLURM_LOCALID=1 "$wrapper" sleep 1000 2>log.killed &
other=$!
for _ in {1..300}; do # until both processes are their commands
    [ "$(cat /proc/$first/comm /proc/$other/comm | tr '\n' ' ')" = 'sleep sleep ' ] && break
    sleep 0.1
done
kill -KILL $first
wait $first 2>/dev/null
check 'a killed rank: its exit status' test $? -eq 137
check 'a killed rank: the service stays for the other' test -e up
kill -TERM $other
wait $other 2>/dev/null
check 'a signal is for the command' test $? -eq 143
for _ in {1..300}; do
    [ -e up ] || break
    sleep 0.1
done
check 'killed ranks: started and stopped' test "$(tr '\n' ' ' <log)" = 'start all quit '

# --- a service of somebody else
: >log
touch up
check 'a service that was there' "$wrapper" work 0 0 0
check 'a service that was there: is left alone' test ! -s log -a -e up
rm up

# --- what goes wrong
touch broken
expect_one_line() # NAME REGEX COMMAND...
{
    "${@:3}" >log.stdout 2>log.stderr
    check "$1: exit status 1" test $? -eq 1
    check "$1: one line" test "$(wc -l <log.stderr)" -eq 1
    check "$1: the text" grep -q "^ci/mps-wrapper: .*$2" log.stderr
}
expect_one_line 'a service that does not start' 'failed' "$wrapper" work 0 0 0
expect_one_line 'no command' 'which command' "$wrapper"
expect_one_line 'no driver' 'not in PATH' env PATH=/usr/bin:/bin "$wrapper" work 0 0 0
check 'nothing was run' test "$(grep -c . ranks)" -eq 5
finish
