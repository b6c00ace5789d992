#!/usr/bin/python3
"""run_and_signal.py SIGNAL TEXT SECONDS COMMAND...: starts a command, waits for a line with TEXT on its stderr and
then SECONDS, sends it the SIGNAL. Half a second later a file `go` is made, for a command that tests/fault_shim.c holds.
Prints how it ended: "signal INT" when it died of a signal, "exit STATUS" when not, and before that "without the text, "
when there was no line with TEXT: no signal was sent then."""
import pathlib
import signal
import subprocess
import sys
import threading
import time

number = signal.Signals["SIG" + sys.argv[1]]
text, seconds, command = sys.argv[2], float(sys.argv[3]), sys.argv[4:]
go = pathlib.Path("go")

go.unlink(missing_ok=True)
process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
said = any(text in line for line in process.stderr)
threading.Thread(target=process.stderr.read).start()
if said:
    time.sleep(seconds)
    process.send_signal(number)
try:
    process.wait(0.5)
except subprocess.TimeoutExpired:
    go.touch()
status = process.wait()
print("" if said else "without the text, ", end="")
print(f"signal {signal.Signals(-status).name[3:]}" if status < 0 else f"exit {status}")
