"""A command with a time limit, for ci/gpu run: in a process group of its own, all of which is killed at the limit."""
import os
import signal
import subprocess
import tempfile
import time

GRACE = 5  # seconds for a killed process to go; a kernel that holds one in the driver may keep it longer


class Step:
    """Starts at once. What it says goes to files, so that no pipe of a grandchild is waited for."""

    def __init__(self, command, environment, folder=None, stdin=subprocess.DEVNULL, stdout=None):
        self.files = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(2)]
        self.begin, self.status, self.hung, self.memory_mb, self.seconds = time.monotonic(), None, None, 0.0, 0.0
        try:
            self.process = subprocess.Popen(command, env=environment, cwd=folder, stdin=stdin,
                                            stdout=stdout or self.files[0], stderr=self.files[1], text=True,
                                            start_new_session=True)
        except OSError as error:
            self.process, self.status = None, 127
            self.files[1].write(str(error))

    def kill(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def overdue(self, limit):
        """At the limit: whoever waits sees the end of the process, and finds that it hung."""
        self.hung = limit
        self.kill()

    def wait(self, limit):
        """Until its end or so many seconds after its begin."""
        try:
            while self.process and self.status is None:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                self.seconds = time.monotonic() - self.begin
                if pid:
                    self.status, self.memory_mb = os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024
                    self.process.returncode = self.status
                elif self.seconds > limit + GRACE:
                    self.status = -signal.SIGKILL  # it does not go; it is left behind
                elif self.seconds > limit and not self.hung:
                    self.overdue(limit)
                else:
                    time.sleep(0.002)
        finally:
            self.kill()  # what it may have left running
        return self

    def text(self, file):
        self.files[file].seek(0)
        return self.files[file].read()

    @property
    def stdout(self):
        return self.text(0)

    @property
    def stderr(self):
        return self.text(1)

    @property
    def ok(self):
        return self.status == 0 and not self.hung

    def how(self):
        """How it ended."""
        if self.hung:
            return "no end after %g s" % self.hung
        if self.status is not None and self.status < 0:
            return signal.Signals(-self.status).name
        return "exit status %d" % self.status

    def why(self):
        """How it ended, and its last line."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return self.how() + (": " + lines[-1][:300] if lines else "")
