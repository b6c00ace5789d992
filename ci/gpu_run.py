"""Tests and times unspot on the GPU of this machine and writes results/gpu-NAME.json.

ci/gpu run [--quick] [--peer DIR] [--profile] ...

In an unpacked bundle, or in the source with a build for GPUs. The file is written after each part (to a
temporary name, then renamed), so that a run that is cut short leaves what it has; "complete" says whether all
parts ran. Exit status 0: all ran, every test passed and every comparison held. Without a GPU that works: one line,
status 1, and no file.

--peer DIR, a checkout of gpu_specter: its GPU path extracts the same frame on the same card. Needs a Python with
cupy, numba, scipy, astropy and fitsio.
"""
import argparse
import datetime
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ("tests", "extract", "throughput", "peer", "profile")
SHELL_TESTS = r"program_(accuracy|device|threads)\.sh$"
SMALL_GRID = "5800,5880,0.8"  # one bundle of 25 spectra, on the corner of the CCD that it needs
TEST_SECONDS = 300  # a kernel that hangs must not take the whole session with it


def stop(text):
    sys.exit("ci/gpu: " + text)


def output_of(command):
    """What a command prints, or None where it is absent or fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def short_name(name):
    """h100 of "NVIDIA H100 80GB HBM3": the first word with a digit in it, for the name of the file"""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return next((word for word in words if re.search(r"\d", word)), "".join(words) or "unknown").lower()


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def cards():
    """What nvidia-smi says of each GPU."""
    fields = ("name", "driver_version", "memory.total", "compute_mode", "mig.mode.current", "clocks.max.sm")
    table = output_of(["nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader"])
    return [dict(zip(fields, map(str.strip, line.split(",")))) for line in (table or "").splitlines()]


def cuda_version(command, pattern):
    found = re.search(pattern, output_of(command) or "")
    return found.group(1) if found else None


def cuda_of_wheels(python):
    """The folder of CUDA's libraries among the packages of a Python, where it has them, else None."""
    script = "import glob, nvidia; print(*[f for p in nvidia.__path__ for f in glob.glob(p + '/cu1[2-9]/lib')])"
    return (output_of([python, "-c", script]) or "").split(" ")[0] or None


class Run:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.program = os.path.join(options.programs, "unspot")
        self.spectra, self.grid = (25, SMALL_GRID) if options.quick else (500, "5760,7620,0.8")
        self.report, self.failures = {}, []
        self.environment = dict(os.environ, UNSPOT=self.program, UNSPOT_DEVICE=options.device,
                                UNSPOT_REFERENCE=os.path.abspath(options.reference))
        if options.device != "host":
            self.environment["OMP_TARGET_OFFLOAD"] = "MANDATORY"
        if options.quick:
            self.environment["UNSPOT_QUICK"] = "1"

    def path(self, name):
        return os.path.join(self.folder, name)

    def row(self, what, value, unit=""):
        print("%-58s %10s %s" % (what, "%.3f" % value if isinstance(value, float) else value, unit), flush=True)

    def fail(self, text):
        self.failures.append(text)
        print("FAILED: " + text, flush=True)

    def unspot(self, *arguments):
        """Runs the program; its error line, or None."""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, env=self.environment)
        return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]

    def must(self, *arguments):
        error = self.unspot(*arguments)
        if error:
            stop(error)

    # --- what is here

    def simulate(self, name, small):
        """NAME-psf.fits, NAME.fits and NAME-truth.fits: a whole frame, or a small one."""
        psf = self.path(name + "-psf.fits")
        self.must("make-psf", "--camera", "r", "--nspec", "25" if small else "500", "-o", psf)
        if small:
            with open(psf, "rb") as file:
                header = file.read()
            for card, pixels in (b"NPIX_X  =                 4114", 375), (b"NPIX_Y  =                 4128", 640):
                header = header.replace(card, card[:-4] + b"%4d" % pixels)
            with open(psf, "wb") as file:
                file.write(header)
        self.must("simulate", "-p", psf, "-o", self.path(name + ".fits"), "--truth", self.path(name + "-truth.fits"),
                  "--loglevel", "error")

    def check_device(self):
        """A tiny extraction on the device, before any other work: it says best why there is none."""
        self.simulate("check", True)
        error = self.unspot("extract", "-i", self.path("check.fits"), "-p", self.path("check-psf.fits"), "-o",
                            self.path("check-frame.fits"), "-n", "25", "-w", SMALL_GRID, "--device",
                            self.options.device, "--timing", self.path("check.json"), "--loglevel", "error")
        if error:
            stop("nothing was run: unspot on device %s: %s" % (self.options.device, error))
        with open(self.path("check.json")) as file:
            return json.load(file)

    def find_cuda(self):
        """UNSPOT_CUDA_LIBDIR, where unspot finds no CUDA by itself but Python has it; what `unspot info` says then."""
        def info():
            return subprocess.run([self.program, "info"], capture_output=True, text=True, env=self.environment).stdout

        folder = cuda_of_wheels(self.options.python)
        if "cuda: not here" in info() and folder and "UNSPOT_CUDA_LIBDIR" not in self.environment:
            self.environment["UNSPOT_CUDA_LIBDIR"] = folder
        return info().splitlines()

    def describe(self):
        info = self.find_cuda()
        device = self.check_device()["device"]
        self.report = {
            "device": device, "wish": self.options.device, "quick": self.options.quick, "gpus": cards(),
            "cuda_of_driver": cuda_version(["nvidia-smi"], r"CUDA Version: *([\d.]+)"),
            "cuda_toolkit": cuda_version(["nvcc", "--version"], r"release ([\d.]+)"),
            "processor": processor(), "processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "unspot": output_of([self.program, "--version"]),
            "info": info, "cuda_libdir": self.environment.get("UNSPOT_CUDA_LIBDIR"),
        }
        self.result = os.path.join(self.options.results, "gpu-%s.json" % (self.options.name or short_name(device)))
        for key in ("device", "cuda_of_driver", "processor", "processors", "unspot"):
            self.row(key, self.report[key])
        for card in self.report["gpus"]:
            self.row("driver", card["driver_version"])
        if self.options.device == "gpu" or device in [card["name"] for card in self.report["gpus"]]:
            for line in info:  # or dense systems go to the CPU, unseen
                if re.match(r"linalg +cuda: not here", line):
                    self.fail("unspot info: " + " ".join(line.split()))

    def write(self, complete=False):
        self.report.update(complete=complete, failures=self.failures)
        os.makedirs(self.options.results, exist_ok=True)
        with open(self.result + ".tmp", "w") as file:
            json.dump(self.report, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.result + ".tmp", self.result)

    # --- tests

    def test(self, path):
        folder = tempfile.mkdtemp(dir=self.folder)
        start = time.monotonic()
        with open(self.path("log"), "w+") as log:
            try:
                status = subprocess.run([path], cwd=folder, env=self.environment, stdout=log, stderr=log,
                                        timeout=TEST_SECONDS).returncode
            except subprocess.TimeoutExpired:
                status = 124
            seconds = time.monotonic() - start
            log.seek(0)
            lines = log.read().splitlines()
        shutil.rmtree(folder)
        name = os.path.basename(path)
        said = {0: "passed", 77: "skipped"}.get(status, "failed")
        left_out = [line for line in lines if re.match(r"skipped: |left out: |\[  SKIPPED \] \w+$", line)]
        self.row(name, said, "%.1f s%s" % (seconds, ", %d left out" % len(left_out) if left_out else ""))
        if said == "failed":
            self.fail("%s, exit status %d" % (name, status))
            print("\n".join("    " + line for line in lines[-20:]))
        return name, {"result": said, "exit_status": status, "seconds": round(seconds, 3), "left_out": left_out}

    def tests(self):
        """Each module's, and those of the whole program that tell something of a device."""
        folders = {self.options.programs: r"test_\w+$", os.path.join(ROOT, "tests"): SHELL_TESTS}
        found = [os.path.join(folder, name) for folder, wanted in folders.items() for name in sorted(os.listdir(folder))
                 if re.match(wanted, name) and re.search(self.options.tests, name)]
        self.report["tests"] = dict(self.test(path) for path in found)

    # --- one frame on the host and on the device

    def command(self, device, solver, frame, *more):
        return [self.program, "extract", "-i", self.path("r.fits"), "-p", self.path("r-psf.fits"), "-o",
                self.path(frame), "-w", self.grid, "-n", str(self.spectra), "--device", device, "--solver", solver,
                "--loglevel", "error", *more]

    def extract(self, device, solver, frame):
        """Seconds of the process, peak memory of the host in MB, and what --timing says; None when it failed."""
        start = time.monotonic()
        process = subprocess.Popen(self.command(device, solver, frame, "--timing", self.path("timing.json")),
                                   env=self.environment, stderr=subprocess.PIPE, text=True)
        message = process.stderr.read().strip()
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            self.fail("%s on device %s: %s" % (solver, device, message))
            return None
        with open(self.path("timing.json")) as file:
            return time.monotonic() - start, usage.ru_maxrss / 1024, json.load(file)

    def medians(self, device, solver, frame):
        runs = [self.extract(device, solver, frame) for _ in range(self.options.repeat + 1)][1:]  # the first warms up
        if None in runs:
            return None
        timings = [timing for _, _, timing in runs]
        stages = {name: {"seconds": statistics.median(t["stages"][name]["seconds"] for t in timings),
                         "count": timings[-1]["stages"][name]["count"]} for name in timings[-1]["stages"]}
        rest = {key: value for key, value in timings[-1].items() if key != "stages" and not key.endswith("seconds")}
        return {"extract_seconds": statistics.median(t["extract_seconds"] for t in timings),
                "extract_seconds_all": [t["extract_seconds"] for t in timings],
                "total_seconds": statistics.median(t["total_seconds"] for t in timings),
                "process_seconds": statistics.median(wall for wall, _, _ in runs),
                "host_memory_mb": max(memory for _, memory, _ in runs), "stages": stages, **rest}

    def compare(self, a, b):
        """The table of `unspot compare`: largest and median difference of each quantity."""
        done = subprocess.run([self.program, "compare", self.path(a), self.path(b)], capture_output=True, text=True)
        table = {}
        for line in done.stdout.splitlines()[2:]:
            values = [None if word == "-" else float(word) for word in line[18:].split()[:3]]
            table[line[:18].strip()] = dict(zip(("largest", "median", "bins"), values))
        if done.returncode != 0:
            self.fail("%s against %s: %s" % (a, b, done.stderr.strip()))
        return {"within_tolerances": done.returncode == 0, "differences": table}

    def extract_and_compare(self):
        report = self.report["extract"] = {"spectra": self.spectra, "grid": self.grid, "repeat": self.options.repeat}
        for solver in ("banded", "dense"):
            host, device = (self.medians(wish, solver, "%s-%s.fits" % (solver, name))
                            for wish, name in (("host", "host"), (self.options.device, "device")))
            if not (host and device):
                continue
            if device["device"] != self.report["device"]:
                self.fail("%s ran on %s, not on %s" % (solver, device["device"], self.report["device"]))
            difference = self.compare("%s-device.fits" % solver, "%s-host.fits" % solver)
            report[solver] = {"host": host, "device": device, "device_against_host": difference,
                              "times_faster_than_host": host["extract_seconds"] / device["extract_seconds"]}
            self.row("%s: extraction of %d spectra on the host" % (solver, self.spectra), host["extract_seconds"], "s")
            self.row("%s: on the device" % solver, device["extract_seconds"], "s")
            self.row("%s:   whole process" % solver, device["process_seconds"], "s")
            for name in ("flux, sigma", "ivar, relative"):
                self.row("%s:   %s, largest difference from the host" % (solver, name),
                         "%.3g" % difference["differences"].get(name, {}).get("largest", math.nan))
            for name, stage in device["stages"].items():
                self.row("%s:   stage %s" % (solver, name), stage["seconds"], "s")
        pulls = subprocess.run([self.program, "compare", self.path("banded-device.fits"), "--truth",
                                self.path("r-truth.fits")], capture_output=True, text=True)
        report["device_against_truth"] = pulls.stdout.splitlines()
        if pulls.returncode != 0 and not self.options.quick:  # a quick run has too few bins for the limits
            self.fail("device against the truth: " + pulls.stderr.strip())

    # --- several processes on the card

    def wrapped(self, mps, command):
        return [os.path.join(ROOT, "ci", "mps-wrapper"), *command] if mps else command

    def frames_per_hour(self, processes, mps):
        """Processes that extract frames one after another, reading and writing included."""
        frames = 1 if self.options.quick else 3
        threads = str(max(1, len(os.sched_getaffinity(0)) // processes))
        script = 'for ((i = 0; i < $1; i++)); do "${@:2}" || exit; done'
        start = time.monotonic()
        running = []
        for rank in range(processes):
            command = self.command(self.options.device, "banded", "frame-%d.fits" % rank, "--threads", threads)
            running.append(subprocess.Popen(["bash", "-c", script, "-", str(frames), *command],
                                            env=self.environment, stderr=subprocess.PIPE, text=True))
        errors = [process.communicate()[1].strip() for process in running]
        if any(process.returncode for process in running):
            self.fail("%d processes%s: %s" % (processes, ", MPS" * mps, next(filter(None, errors), "no message")))
            return None
        return 3600 * frames * processes / (time.monotonic() - start)

    def throughput(self):
        report = self.report["frames_per_hour"] = {}
        for mps in (False, True):
            service = self.start_mps() if mps else None
            if mps and not service:
                report["mps"] = "nvidia-cuda-mps-control is absent or did not start"
                self.row("frames per hour under MPS", "none", report["mps"])
                break
            for processes in self.options.processes if not mps else [n for n in self.options.processes if n > 1]:
                rate = self.frames_per_hour(processes, mps)
                report["%d%s" % (processes, " mps" * mps)] = rate
                if rate:
                    self.row("frames per hour, %d process%s%s" % (processes, "es" * (processes > 1),
                                                                  ", MPS" * mps), rate)
            self.stop_mps(service)

    def start_mps(self):
        """ci/mps-wrapper holding the service until its command, a cat, sees the end of its input."""
        if not shutil.which("nvidia-cuda-mps-control"):
            return None
        self.environment["CUDA_MPS_PIPE_DIRECTORY"] = self.path("mps")
        service = subprocess.Popen(self.wrapped(True, ["cat"]), env=self.environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        service.stdin.write("up\n")
        service.stdin.flush()
        if service.stdout.readline() == "up\n":
            return service
        self.stop_mps(service)
        return None

    def stop_mps(self, service):
        if service:
            service.communicate()
        self.environment.pop("CUDA_MPS_PIPE_DIRECTORY", None)

    # --- gpu_specter on the same card

    def peer_seconds(self, processes, step):
        """Seconds of each repeat for the whole frame, its bundles shared by so many processes, and its flux."""
        share = self.spectra // processes
        running = []
        for rank in range(processes):
            command = [self.options.python, os.path.join(ROOT, "ci", "gpu_peer.py"), self.options.peer,
                       self.path("r.fits"), self.path("r-psf.fits"), self.path("banded-device.fits"), self.grid,
                       str(rank * share), str(share), str(step)]
            running.append(subprocess.Popen(command, env=dict(self.environment, OMP_NUM_THREADS="1"), text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE))

        def answers(expected):
            return all([process.stdout.readline().strip() == expected for process in running])

        seconds, ok = [], answers("ready")
        while ok and len(seconds) < min(self.options.repeat, 3):
            start = time.monotonic()
            for process in running:
                process.stdin.write("run\n")
                process.stdin.flush()
            ok = answers("done")
            seconds.append(time.monotonic() - start)
        ends = [process.communicate()[0] for process in running]
        if not ok or any(process.returncode for process in running):
            self.fail("gpu_specter, %d processes, nwavestep %d" % (processes, step))
            return None
        return {"seconds": statistics.median(seconds), "seconds_all": seconds,
                "flux_from_unspot_sigma": json.loads(ends[0])}

    def peer(self):
        own = self.report.get("extract", {}).get("banded")
        if not own:
            return self.fail("gpu_specter: nothing to compare it with")
        report = self.report["gpu_specter"] = {}
        service = self.start_mps()
        try:
            for processes in (1,) if self.options.quick else (1, 5):
                for step in (50, 15) if processes == 1 else (50,):
                    result = self.peer_seconds(processes, step)
                    if result:
                        result["unspot_times_faster"] = result["seconds"] / own["device"]["extract_seconds"]
                        report["%d processes, nwavestep %d" % (processes, step)] = dict(result, mps=bool(service))
                        self.row("gpu_specter, %d processes, nwavestep %d" % (processes, step), result["seconds"], "s")
                        self.row("  unspot is faster", result["unspot_times_faster"], "times")
        finally:
            self.stop_mps(service)

    # --- profiles, left beside the results

    def profile(self):
        """One bundle: ncu repeats each launch many times. The text is the report; nsys and ncu open the rest."""
        base = self.result[:-len(".json")]
        tools = {
            "nsys": (["nsys", "profile", "-t", "cuda,nvtx", "-f", "true", "-o", base],
                     ["nsys", "stats", "-r", "nvtx_sum,cuda_gpu_kern_sum,cuda_api_sum", base + ".nsys-rep"]),
            "ncu": (["ncu", "--clock-control", "none", "--set", "full", "--launch-count", "100", "-f", "-o", base],
                    ["ncu", "--import", base + ".ncu-rep", "--page", "details"])}
        report = self.report["profiles"] = {}
        for tool, (record, tell) in tools.items():
            report[tool] = "absent"
            if shutil.which(tool):
                command = record + self.command(self.options.device, "banded", "p.fits", "-n", "25")
                done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
                report[tool] = "done" if done.returncode == 0 else (done.stderr + done.stdout)[-500:].strip()
                with open("%s.%s.txt" % (base, tool), "w") as file:
                    file.write(output_of(tell) or report[tool] + "\n")
            self.row("profile by " + tool, report[tool].splitlines()[-1] if report[tool] else "failed")

    def run(self):
        parts = {"tests": self.tests, "extract": self.extract_and_compare, "throughput": self.throughput,
                 "peer": self.peer, "profile": self.profile}
        self.describe()
        if set(self.options.parts) - {"tests"}:
            self.simulate("r", self.options.quick)
        for name in self.options.parts:
            parts[name]()
            self.write()
        self.write(complete=True)
        print("%s: %d failures" % (self.result, len(self.failures)))
        return 1 if self.failures else 0


def find_programs(preset):
    """bin/ of a bundle, or the folder of a build for GPUs"""
    folders = [os.path.join(ROOT, "bin")] + [os.path.join(ROOT, "build", name) for name in
                                             ([preset] if preset else ["llvm-nvptx", "llvm-nvptx-portable"])]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "unspot")):
            return folder
    stop("no unspot in %s; build it: ci/build llvm-nvptx" % " or ".join(folders))


def main():
    parser = argparse.ArgumentParser(prog="ci/gpu run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu", help="of unspot's --device; 0 with --preset llvm-x86-offload")
    parser.add_argument("--preset", help="the build to use, or its folder (default: llvm-nvptx; a bundle's own)")
    parser.add_argument("--quick", action="store_true", help="one bundle and few wavelengths")
    parser.add_argument("--parts", default=",".join(PARTS[:3]), help="of %s (default: %%(default)s)" % ",".join(PARTS))
    parser.add_argument("--tests", default="", metavar="REGEX", help="of the tests, those whose name matches")
    parser.add_argument("--peer", metavar="DIR", help="adds the part peer")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs gpu_specter")
    parser.add_argument("--profile", action="store_true", help="adds the part profile: nsys and ncu, where present")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--processes", default="1,2,4,8", help="on the card at a time (default: %(default)s)")
    parser.add_argument("--reference", default=os.path.join(ROOT, "..", "shared", "reference"))
    parser.add_argument("--results", default=os.path.join(ROOT, "results"), metavar="DIR")
    parser.add_argument("--name", help="of the result file (default: from the device's)")
    options = parser.parse_args()
    options.parts = options.parts.split(",") + ["peer"] * bool(options.peer) + ["profile"] * options.profile
    options.parts = [name for name in PARTS if name in options.parts]
    options.processes = [int(count) for count in options.processes.split(",")]
    options.programs = find_programs(options.preset)
    if "peer" in options.parts and not options.peer:
        parser.error("the part peer needs --peer DIR")
    with tempfile.TemporaryDirectory(prefix="unspot-gpu.") as folder:
        return Run(options, folder).run()


if __name__ == "__main__":
    sys.exit(main())
