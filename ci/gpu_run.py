"""Tests and times unspot on the GPU of this machine and writes results/gpu-NAME.json.

ci/gpu run [--quick] [--parts PART,...] [--peer DIR] ...

In an unpacked bundle, or in the source with a build for GPUs. Parts, of which smoke, tests, extract and throughput
are the default:
  smoke       what is here, then tiny problems, each with a limit of 20 s; the first wrong one is named
  tests       each module's tests, and those of the whole program that tell something of a device
  extract     a simulated frame on the host and on the device, with each solver; programs of --variants beside it
  throughput  frames per hour of several processes, with and without MPS; a batch of frames by one process
  peer        gpu_specter's GPU path on the same frame and card
  sanitize    compute-sanitizer over a small extraction
  profile     LIBOMPTARGET_PROFILE over a frame; ncu over a bundle; nsys, where present

The file is written before the first step and after each (to a temporary name, then renamed), so that a run that is
cut short leaves what it has; "complete" says whether all parts ran. Each step has a time limit, at which its process
group is killed; after two of these the run stops. Exit status 0: all ran, every test passed and every comparison
held. Without a GPU that works: one line, status 1, and no file.

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
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import gpu_profile
from gpu_step import Step

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ("smoke", "tests", "extract", "throughput", "peer", "sanitize", "profile")
FIRST_TESTS = ("test_device", "test_band", "test_omp", "test_offload", "test_solvers")
SHELL_TESTS = r"program_(accuracy|threads)\.sh$"
SMALL_GRID = "5800,5880,0.8"  # one bundle of 25 spectra, on the corner of the CCD that it needs
SMOKE_SECONDS = 20
HANGS = 2  # and no more: each costs its limit


class Stop(Exception):
    """Nothing more can be learnt."""


def on_signal(number, _):
    raise Stop(signal.Signals(number).name)


def stop(text):
    sys.exit("ci/gpu: " + text)


def output_of(command, limit=30):
    """What a command prints, or None where it is absent or fails."""
    step = Step(command, os.environ).wait(limit)
    return step.stdout.strip() if step.ok else None


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
    table = output_of(["nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader"], SMOKE_SECONDS)
    return [dict(zip(fields, map(str.strip, line.split(",")))) for line in (table or "").splitlines()]


def cuda_version(command, pattern):
    found = re.search(pattern, output_of(command, SMOKE_SECONDS) or "")
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
        self.report, self.failures, self.hangs = {}, [], 0
        self.result = self.small = None
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

    def write(self, complete=False):
        if not self.result:
            return
        self.report.update(failures=self.failures, complete=complete)
        os.makedirs(os.path.dirname(self.result), exist_ok=True)
        with open(self.result + ".tmp", "w") as file:
            json.dump(self.report, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.result + ".tmp", self.result)

    # --- steps

    def ended(self, name, step, well=(0,), says_why=True):
        """Notes the end of a step; whether it is a good one."""
        good = step.status in well and not step.hung
        if self.result:
            self.report.setdefault("steps", []).append([name, round(step.seconds, 3), step.how()])
        if not good:
            self.fail(name + ", " + (step.why() if says_why else step.how()))
        if step.hung:
            self.hangs += 1
            self.report.setdefault("after_hangs", []).append(
                (output_of(["nvidia-smi"], SMOKE_SECONDS) or "").splitlines()
                + [line for line in (output_of(["dmesg"]) or "").splitlines() if re.search("NVRM|Xid", line)][-10:])
        self.write()
        if self.hangs >= HANGS:
            raise Stop("two hangs")
        return good

    def step(self, name, command, limit=None, more={}, **rest):
        """Runs a command to its end or its limit."""
        step = Step(command, dict(self.environment, **more)).wait(limit or self.options.limit)
        self.ended(name, step, **rest)
        return step

    def must(self, *arguments):
        if not self.step("unspot " + arguments[0], [self.program, *arguments]).ok:
            raise Stop("unspot %s failed" % arguments[0])

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

    def small_command(self, device, frame, *more):
        return [self.program, "extract", "-i", self.path("check.fits"), "-p", self.path("check-psf.fits"), "-o",
                self.path(frame), "-n", "25", "-w", SMALL_GRID, "--device", device, "--loglevel", "error", *more]

    def choose_device(self):
        """Before any other work: unspot says best why there is none. It chooses before it looks for the image."""
        step = Step([self.program, "extract", "-i", "-", "-p", self.path("none"), "-o", self.path("none"), "--device",
                     self.options.device], self.environment).wait(SMOKE_SECONDS)
        error = (step.stderr.strip().splitlines() or ["no message"])[-1]
        if not step.hung and step.status >= 0 and "--device" not in error:
            return
        if not self.report["gpus"] and not step.hung:
            stop("nothing was run: unspot on device %s: %s" % (self.options.device, error))
        self.ended("choice of the device", step)

    def check_device(self):
        """A tiny extraction on the device, before any other work. LLVM's runtime names each launch: where it hangs,
        the last is the kernel to look at."""
        self.simulate("check", True)
        name = "small extraction on device " + self.options.device
        step = self.step(name, self.small_command(self.options.device, "check-device.fits", "--timing",
                                                  self.path("check.json")), min(SMOKE_SECONDS, self.options.limit),
                         more={"LIBOMPTARGET_INFO": "16"})
        self.report["launches"] = [gpu_profile.short_kernel(line) for line in step.stderr.splitlines()[-100:]]
        if not step.ok:
            return self.write()
        with open(self.path("check.json")) as file:
            self.small = json.load(file)
        device = self.report["device"] = self.small["device"]
        self.row("device", device)
        if self.options.device == "gpu" or device in [card["name"] for card in self.report["gpus"]]:
            missing = [line for line in self.report["info"] if re.match(r"linalg +cuda: not here", line)]
            if missing:
                self.fail("unspot info: " + re.sub(" +", " ", missing[0]))
        self.write()

    def info(self):
        return Step([self.program, "info"], self.environment).wait(SMOKE_SECONDS)

    def find_cuda(self):
        """UNSPOT_CUDA_LIBDIR, where unspot finds no CUDA by itself but Python has it; what `unspot info` says then."""
        step = self.info()
        folder = cuda_of_wheels(self.options.python)
        if "cuda: not here" in step.stdout and folder and "UNSPOT_CUDA_LIBDIR" not in self.environment:
            self.environment["UNSPOT_CUDA_LIBDIR"] = folder
            step = self.info()
        return step

    def describe(self):
        self.report = {
            "device": None, "wish": self.options.device, "quick": self.options.quick,
            "parts": self.options.parts, "gpus": cards(),
            "processor": processor(), "processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        self.choose_device()
        name = self.options.name or short_name(next((card["name"] for card in self.report["gpus"]),
                                                    "device" + self.options.device))
        self.result = os.path.join(self.options.results, "gpu-%s.json" % name)
        self.write()
        info = self.find_cuda()
        self.report.update({
            "cuda_of_driver": cuda_version(["nvidia-smi"], r"CUDA Version: *([\d.]+)"),
            "cuda_toolkit": cuda_version(["nvcc", "--version"], r"release ([\d.]+)"),
            "unspot": output_of([self.program, "--version"]),
            "info": info.stdout.splitlines(), "cuda_libdir": self.environment.get("UNSPOT_CUDA_LIBDIR"),
        })
        for key in ("cuda_of_driver", "processor", "processors", "unspot"):
            self.row(key, self.report[key])
        for card in self.report["gpus"]:
            self.row("driver", card["driver_version"])
        self.ended("unspot info", info)

    # --- tiny problems

    def smoke(self):
        """The smallest first. What of this fails or hangs need not be looked for in anything larger."""
        before, quick = len(self.failures), dict(self.environment, UNSPOT_QUICK="1")
        report = self.report["smoke"] = {"first_wrong": next(iter(self.failures), None)}

        def judge():
            if report["first_wrong"] is None and len(self.failures) > before:
                report["first_wrong"] = self.failures[before]

        def module(name):
            if os.path.exists(os.path.join(self.options.programs, name)):
                report[name] = self.test(os.path.join(self.options.programs, name), quick, SMOKE_SECONDS)[1]
                judge()

        try:
            module("test_device")
            self.check_device()
            judge()
            if self.small:
                report["spectra"], report["wavelengths"] = self.small["spectra"], self.small["wavelengths"]
                if self.step("small extraction on the host", self.small_command("host", "check-host.fits"),
                             SMOKE_SECONDS).ok:
                    report["device_against_host"] = self.compare("check-device.fits", "check-host.fits")
                    for name, row in report["device_against_host"]["differences"].items():
                        if row["largest"] is not None:
                            self.row("smoke: %s, largest difference of %.0f" % (name, row["bins"]),
                                     "%.3g" % row["largest"])
            judge()
            for name in FIRST_TESTS[1:3]:
                module(name)
        finally:
            judge()
            self.row("smoke: the first that is wrong", report["first_wrong"] or "none")

    # --- tests

    def test(self, path, environment=None, limit=None):
        name = os.path.basename(path)
        folder = tempfile.mkdtemp(dir=self.folder)
        step = Step([path], environment or self.environment, folder).wait(limit or self.options.limit)
        shutil.rmtree(folder, ignore_errors=True)
        lines = (step.stdout + step.stderr).splitlines()
        said = {0: "passed", 77: "skipped"}.get(step.status, "failed")
        left_out = [line for line in lines if re.match(r"skipped: |left out: |\[  SKIPPED \] \w+$", line)]
        self.row(name, said, "%.1f s%s" % (step.seconds, ", %d left out" % len(left_out) if left_out else ""))
        entry = {"result": said, "exit_status": step.status, "seconds": round(step.seconds, 3), "left_out": left_out}
        if said == "failed":
            print("\n".join("    " + line for line in lines[-20:]))
            entry.update(how=step.how(), said=lines[-40:])
        self.ended(name, step, (0, 77), says_why=False)
        return name, entry

    def tests(self):
        """Each module's, and those of the whole program that tell something of a device."""
        folders = {self.options.programs: r"test_\w+$", os.path.join(ROOT, "tests"): SHELL_TESTS}
        found = [os.path.join(folder, name) for folder, wanted in folders.items() for name in sorted(os.listdir(folder))
                 if re.match(wanted, name) and re.search(self.options.tests, name)]
        first = [os.path.join(self.options.programs, name) for name in FIRST_TESTS]
        found.sort(key=lambda path: first.index(path) if path in first else len(first))
        report = self.report["tests"] = {}
        environment = dict(self.environment, **({"UNSPOT_QUICK": "1"} if self.options.quick_tests else {}))
        for path in found:
            try:
                name, report[name] = self.test(path, environment)
            except Stop:
                report[os.path.basename(path)] = {"result": "failed", "how": "a hang, the last"}
                raise

    # --- one frame on the host and on the device

    def command(self, device, solver, frame, *more, program=None):
        return [program or self.program, "extract", "-i", self.path("r.fits"), "-p", self.path("r-psf.fits"), "-o",
                self.path(frame), "-w", self.grid, "-n", str(self.spectra), "--device", device, "--solver", solver,
                "--loglevel", "error", *more]

    def extract(self, device, solver, frame, program=None, name=None):
        """Seconds of the process, peak memory of the host in MB, and what --timing says; None when it failed."""
        step = self.step(name or "%s on device %s" % (solver, device),
                         self.command(device, solver, frame, "--timing", self.path("timing.json"), program=program))
        if not step.ok:
            return None
        with open(self.path("timing.json")) as file:
            return step.seconds, step.memory_mb, json.load(file)

    def medians(self, device, solver, frame, **rest):
        runs = []
        for _ in range(self.options.repeat + 1):
            runs.append(self.extract(device, solver, frame, **rest))
            if runs[-1] is None:
                return None
        first, runs = runs[0], runs[1:]  # the first warms up
        timings = [timing for _, _, timing in runs]
        stages = {name: {"seconds": statistics.median(t["stages"][name]["seconds"] for t in timings),
                         "count": timings[-1]["stages"][name]["count"]} for name in timings[-1]["stages"]}
        rest = {key: value for key, value in timings[-1].items() if key != "stages" and not key.endswith("seconds")}
        return {"extract_seconds": statistics.median(t["extract_seconds"] for t in timings),
                "extract_seconds_first": first[2]["extract_seconds"],
                "extract_seconds_all": [t["extract_seconds"] for t in timings],
                "total_seconds": statistics.median(t["total_seconds"] for t in timings),
                "process_seconds": statistics.median(wall for wall, _, _ in runs),
                "host_memory_mb": max(memory for _, memory, _ in runs), "stages": stages, **rest}

    def compare(self, a, b):
        """The table of `unspot compare`: largest and median difference of each quantity."""
        step = self.step("%s against %s" % (a, b), [self.program, "compare", self.path(a), self.path(b)])
        table = {}
        for line in step.stdout.splitlines()[2:]:
            values = [None if word == "-" else float(word) for word in line[18:].split()[:3]]
            table[line[:18].strip()] = dict(zip(("largest", "median", "bins"), values))
        return {"within_tolerances": step.ok, "differences": table}

    def extract_and_compare(self):
        report = self.report["extract"] = {"spectra": self.spectra, "grid": self.grid, "repeat": self.options.repeat}
        for solver in self.options.solvers:
            device, host = (self.medians(wish, solver, "%s-%s.fits" % (solver, name))
                            for wish, name in ((self.options.device, "device"), ("host", "host")))
            report[solver] = {"host": host, "device": device}
            if not (host and device):
                continue
            if self.report["device"] and device["device"] != self.report["device"]:
                self.fail("%s ran on %s, not on %s" % (solver, device["device"], self.report["device"]))
            difference = self.compare("%s-device.fits" % solver, "%s-host.fits" % solver)
            report[solver].update({"device_against_host": difference,
                                   "times_faster_than_host": host["extract_seconds"] / device["extract_seconds"]})
            self.row("%s: extraction of %d spectra on the host" % (solver, self.spectra), host["extract_seconds"], "s")
            self.row("%s: on the device" % solver, device["extract_seconds"], "s")
            self.row("%s:   whole process" % solver, device["process_seconds"], "s")
            for name in ("flux, sigma", "ivar, relative"):
                self.row("%s:   %s, largest difference from the host" % (solver, name),
                         "%.3g" % difference["differences"].get(name, {}).get("largest", math.nan))
            for name, stage in device["stages"].items():
                self.row("%s:   stage %s" % (solver, name), stage["seconds"], "s")
        if not (report.get("banded") or {}).get("device"):
            return
        # a quick run has too few bins for the limits
        pulls = self.step("device against the truth", [self.program, "compare", self.path("banded-device.fits"),
                                                       "--truth", self.path("r-truth.fits")],
                          well=range(127) if self.options.quick else (0,))
        report["device_against_truth"] = pulls.stdout.splitlines()
        self.variants(report["banded"])

    def variants(self, own):
        """Other builds of the program, side by side."""
        if not self.options.variants:
            return
        report = self.report["variants"] = {}
        for name, folder in self.options.variants.items():
            frame, program = "variant-%s.fits" % name, os.path.join(folder, "unspot")
            device = self.medians(self.options.device, "banded", frame, program=program, name="variant " + name)
            report[name] = {"program": output_of([program, "--version"]), "device": device}
            if device and own["host"]:
                report[name]["against_host"] = self.compare(frame, "banded-host.fits")
            self.write()
        columns = {"this": own["device"], **{name: entry["device"] for name, entry in report.items()}}
        columns = {name: device for name, device in columns.items() if device}

        def line(what, cells):
            print("%-30s" % what + "".join(" %12s" % cell for cell in cells), flush=True)

        line("variants, seconds", columns)
        for key in ("extract_seconds", "extract_seconds_first", "total_seconds", "process_seconds"):
            line(key, ["%.4f" % device[key] for device in columns.values()])
        for stage in own["device"]["stages"]:
            line("  " + stage, ["%.4f" % device["stages"].get(stage, {}).get("seconds", math.nan)
                                for device in columns.values()])

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
            running.append(Step(["bash", "-c", script, "-", str(frames), *command], self.environment))
        for step in running:
            step.wait(self.options.limit)
        seconds = time.monotonic() - start
        wrong = next((step for step in running if not step.ok), running[0])
        if not self.ended("%d processes%s" % (processes, ", MPS" * mps), wrong):
            return None
        return 3600 * frames * processes / seconds

    def batch(self):
        """Several frames by one process: the first pays for the device's start, the others show what a frame costs."""
        count = 2 if self.options.quick else 8
        with open(self.path("tasks.txt"), "w") as file:
            for k in range(count):
                file.write("%s %s %s %s\n" % (self.path("r.fits"), self.path("r-psf.fits"),
                                              self.path("batch-%d.fits" % k), self.grid))
        step = self.step("batch of %d frames" % count, [
            self.program, "batch", "--timing", self.path("batch.json"), "--loglevel", "error", self.path("tasks.txt"),
            "--", "--device", self.options.device, "--solver", "banded", "-n", str(self.spectra)])
        for k in range(count):
            if os.path.exists(self.path("batch-%d.fits" % k)):
                os.remove(self.path("batch-%d.fits" % k))
        if not step.ok:
            return None
        with open(self.path("batch.json")) as file:
            timing = json.load(file)
        frames = {}
        for rank, lane, what, *rest in timing["events"][1:]:
            if what == "extract":
                seconds = frames.setdefault(rest[0], [rest[1], 0.0])
                seconds[1] += rest[2] - rest[1]
        seconds = [extract for _, extract in sorted(frames.values())]
        report = {"frames": count, "seconds": timing["seconds"], "extract_seconds_all": seconds,
                  "first": seconds[0], "later": statistics.median(seconds[1:]), "process_seconds": step.seconds,
                  "frames_per_hour": timing["frames_per_node_hour"], "reader_seconds": timing["reader_seconds"],
                  "writer_seconds": timing["writer_seconds"], "rank_seconds": timing["rank_seconds"],
                  "stages": timing["stages"]}
        self.row("batch of %d frames: extraction of the first" % count, report["first"], "s")
        self.row("batch: extraction of a later one, median", report["later"], "s")
        self.row("batch: frames per hour, reading and writing included", report["frames_per_hour"])
        return report

    def throughput(self):
        self.report["batch"] = self.batch()
        report = self.report["frames_per_hour"] = {}
        for mps in (False, True):
            service = self.start_mps() if mps else None
            if mps and not service:
                report["mps"] = "nvidia-cuda-mps-control is absent or did not start"
                self.row("frames per hour under MPS", "none", report["mps"])
                break
            try:
                for processes in self.options.processes if not mps else [n for n in self.options.processes if n > 1]:
                    rate = self.frames_per_hour(processes, mps)
                    report["%d%s" % (processes, " mps" * mps)] = rate
                    if rate:
                        self.row("frames per hour, %d process%s%s" % (processes, "es" * (processes > 1),
                                                                      ", MPS" * mps), rate)
                    self.write()
            finally:
                self.stop_mps(service)

    def start_mps(self):
        """ci/mps-wrapper holding the service until its command, a cat, sees the end of its input."""
        if not shutil.which("nvidia-cuda-mps-control"):
            return None
        self.environment["CUDA_MPS_PIPE_DIRECTORY"] = self.path("mps")
        service = Step(self.wrapped(True, ["cat"]), self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        watch = threading.Timer(self.options.limit, service.overdue, [self.options.limit])
        watch.start()
        try:
            service.process.stdin.write("up\n")
            service.process.stdin.flush()
            answer = service.process.stdout.readline()
        except OSError:
            answer = ""
        watch.cancel()
        if answer == "up\n":
            return service
        self.stop_mps(service)
        return None

    def stop_mps(self, service):
        """Waits until the service has stopped: until then its stdout is open."""
        self.environment.pop("CUDA_MPS_PIPE_DIRECTORY", None)
        if not service:
            return
        watch = threading.Timer(self.options.limit, service.overdue, [self.options.limit])
        watch.start()
        try:
            service.process.communicate()
        except OSError:
            pass
        watch.cancel()
        service.status, service.seconds = service.process.returncode, time.monotonic() - service.begin
        self.ended("service of MPS", service)

    # --- gpu_specter on the same card

    def peer_seconds(self, processes, step):
        """Seconds of each repeat for the whole frame, its bundles shared by so many processes, and its flux. Of fewer
        spectra: scaled, as gpu_specter takes one bundle after another."""
        spectra = min(self.options.peer_spectra or self.spectra, self.spectra)
        share = spectra // processes
        running = []
        for rank in range(processes):
            command = [self.options.python, os.path.join(ROOT, "ci", "gpu_peer.py"), self.options.peer,
                       self.path("r.fits"), self.path("r-psf.fits"), self.path("banded-device.fits"), self.grid,
                       str(rank * share), str(share), str(step)]
            running.append(Step(command, dict(self.environment, OMP_NUM_THREADS="1"), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE))
        watch = threading.Timer(self.options.peer_limit, lambda: [peer.overdue(self.options.peer_limit) for peer in running])
        watch.start()

        def answers(expected):
            return all([peer.process.stdout.readline().strip() == expected for peer in running])

        begin, seconds, ends = time.monotonic(), [], []
        ok = answers("ready")
        warm = time.monotonic() - begin
        self.row("gpu_specter, %d processes: ready after" % processes, warm, "s")
        while ok and len(seconds) < self.options.peer_repeat:
            start = time.monotonic()
            for peer in running:
                peer.process.stdin.write("run\n")
                peer.process.stdin.flush()
            ok = answers("done")
            seconds.append(time.monotonic() - start)
        for peer in running:
            ends.append(peer.process.communicate()[0])
            peer.status, peer.seconds = peer.process.returncode, time.monotonic() - peer.begin
        watch.cancel()
        wrong = next((peer for peer in running if not peer.ok), running[0])
        for line in wrong.stderr.splitlines()[-15:]:
            print("    " + line)
        if not self.ended("gpu_specter, %d processes, nwavestep %d" % (processes, step), wrong) or not seconds:
            return None
        return {"seconds": statistics.median(seconds) * self.spectra / spectra, "spectra": spectra,
                "seconds_all": seconds, "warm_up_seconds": warm,
                "versions": next((line for line in wrong.stderr.splitlines() if line.startswith("versions:")), None),
                "flux_from_unspot_sigma": json.loads(ends[0])}

    def peer(self):
        own = self.report.get("extract", {}).get("banded")
        if not own or not own["device"]:
            return self.fail("gpu_specter: nothing to compare it with")
        report = self.report["gpu_specter"] = {}
        for processes in self.options.peer_processes:
            service = self.start_mps() if processes > 1 else None
            try:
                for step in self.options.peer_steps:
                    result = self.peer_seconds(processes, step)
                    if result:
                        result["unspot_times_faster"] = result["seconds"] / own["device"]["extract_seconds"]
                        report["%d processes, nwavestep %d" % (processes, step)] = dict(result, mps=bool(service))
                        self.row("gpu_specter, %d processes, nwavestep %d" % (processes, step), result["seconds"],
                                 "s" if result["spectra"] == self.spectra else "s, scaled")
                        self.row("  unspot is faster", result["unspot_times_faster"], "times")
                        self.write()
            finally:
                self.stop_mps(service)

    # --- sanitizers and profiles, left beside the results

    def beside(self, suffix):
        return self.result[:-len(".json")] + suffix

    def sanitize(self):
        # Not looked at: calls of the driver that fail as LLVM's runtime asks how many arguments a kernel has until it
        # fails, and copies, as results come back in one piece with the gaps between their arrays.
        report = self.report["sanitize"] = {}
        for tool, leaves in ("memcheck", "--report-api-errors"), ("initcheck", "--check-api-memory-access"):
            report[tool] = "absent"
            if shutil.which("compute-sanitizer"):
                step = self.step("compute-sanitizer " + tool, [
                    "compute-sanitizer", "--tool", tool, leaves, "no", "--error-exitcode", "9", "--print-limit", "20",
                    *self.small_command(self.options.device, "sanitized.fits")], 2 * self.options.limit)
                said = [line for line in (step.stdout + step.stderr).splitlines() if line.startswith("=")]
                summary = [line.strip("= ") for line in said if "SUMMARY" in line]
                report[tool] = {"summary": summary[-1] if summary else None, "status": step.how(),
                                "seconds": round(step.seconds, 3), "said": said[:60]}
                with open(self.beside(".%s.txt" % tool), "w") as file:
                    file.write(step.stdout + step.stderr)
                self.row(tool, report[tool]["summary"] or step.how())
            else:
                self.row(tool, report[tool])

    def trace(self):
        """Launches and copies of a whole frame, as LLVM's runtime sees them."""
        path = self.beside(".trace.json")
        step = self.step("trace of a frame", self.command(self.options.device, "banded", "p.fits"),
                         more={"LIBOMPTARGET_PROFILE": path, "LIBOMPTARGET_PROFILE_GRANULARITY": "0",
                               "LIBOMPTARGET_INFO": "16"})
        if not step.ok or not os.path.exists(path):
            return "none: the runtime wrote no trace" if step.ok else step.why()
        table = gpu_profile.trace_events(path, gpu_profile.launched(step.stderr))
        for name, row in list(table.items())[:20]:
            self.row("trace: %s, %d times" % (name, row["count"]), row["ms"], "ms")
        return table

    def ncu(self):
        """One bundle, as ncu repeats each launch many times. The text is the report; ncu opens the rest."""
        kernels = ["--kernel-name", "regex:" + self.options.ncu_kernels] if self.options.ncu_kernels else []
        step = self.step("ncu", ["ncu", "--clock-control", "none", "--set", "full", *kernels, "--launch-count",
                                 str(self.options.ncu_count), "-f", "-o", self.beside(""),
                                 *self.command(self.options.device, "banded", "p.fits", "-n", "25")],
                         self.options.limit * 5 / 2)
        with open(self.beside(".ncu.txt"), "w") as file:
            file.write(output_of(["ncu", "--import", self.beside(".ncu-rep"), "--page", "details"], 60)
                       or step.stderr + step.stdout)
        raw = output_of(["ncu", "--import", self.beside(".ncu-rep"), "--csv", "--page", "raw", "--print-units",
                         "base"], 60)
        launches = gpu_profile.ncu_launches(raw or "")
        for launch in launches:
            print("%-40s %9s us, occupancy %s %%, %s registers, compute %s %%, memory %s %%, %s" % (
                launch["kernel"][:40], launch["microseconds"], launch["occupancy_percent"], launch["registers"],
                launch["compute_percent"], launch["memory_percent"], launch["stalls"]), flush=True)
        return launches or step.why()

    def nsys(self):
        step = self.step("nsys", ["nsys", "profile", "-t", "cuda,nvtx", "-f", "true", "-o", self.beside(""),
                                  *self.command(self.options.device, "banded", "p.fits", "-n", "25")],
                         2 * self.options.limit)
        text = output_of(["nsys", "stats", "-r", "nvtx_sum,cuda_gpu_kern_sum,cuda_api_sum",
                          self.beside(".nsys-rep")], 60)
        with open(self.beside(".nsys.txt"), "w") as file:
            file.write(text or step.stderr + step.stdout)
        return step.how()

    def profile(self):
        report = self.report["profiles"] = {}
        report["trace"] = self.trace()
        self.write()
        for tool, work in (("ncu", self.ncu), ("nsys", self.nsys)):
            report[tool] = work() if shutil.which(tool) else "absent"
            self.row("profile by " + tool, report[tool] if isinstance(report[tool], str) else "done")
            self.write()

    def run_parts(self):
        parts = {"tests": self.tests, "extract": self.extract_and_compare, "throughput": self.throughput,
                 "peer": self.peer, "sanitize": self.sanitize, "profile": self.profile}
        self.describe()
        if "smoke" in self.options.parts:
            self.smoke()
        else:
            self.check_device()
        self.write()
        if not self.small:
            raise Stop("the small extraction failed")
        if set(self.options.parts) - {"smoke", "tests", "sanitize"}:
            self.simulate("r", self.options.quick)
        for name in self.options.parts:
            if name != "smoke":
                try:
                    parts[name]()
                except (OSError, ValueError, LookupError, TypeError) as error:  # what was not foreseen ends its part
                    self.fail("part %s: %s: %s" % (name, type(error).__name__, error))
                self.write()

    def run(self):
        try:
            self.run_parts()
            self.write(complete=True)
        except Stop as reason:
            self.report["stopped"] = str(reason)
            print("STOPPED: %s" % reason, flush=True)
            self.write()
        print("%s: %d failures" % (self.result, len(self.failures)))
        return 1 if self.failures or "stopped" in self.report else 0


def find_programs(preset):
    """The folder of a build, or bin/ of a bundle, or the folder of a build for GPUs"""
    folders = [os.path.join(ROOT, name) for name in
               ([os.path.join("build", preset)] if preset
                else ["bin", "build/llvm-nvptx", "build/llvm-nvptx-portable"])]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "unspot")):
            return folder
    stop("no unspot in %s; build it: ci/build llvm-nvptx" % " or ".join(folders))


def find_variants(text):
    """{NAME: DIR} of "DIR,NAME=DIR,..."; a name is the folder's, unless given"""
    found = {}
    for word in filter(None, text.split(",")):
        name, _, folder = word.rpartition("=")
        folder = os.path.abspath(folder)
        if not os.path.exists(os.path.join(folder, "unspot")):
            stop("no unspot in " + folder)
        found[name or os.path.basename(folder)] = folder
    return found


def numbers(text):
    return [int(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(prog="ci/gpu run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu", help="of unspot's --device; 0 with --preset llvm-x86-offload")
    parser.add_argument("--preset", help="the build to use, or its folder (default: llvm-nvptx; a bundle's own)")
    parser.add_argument("--quick", action="store_true", help="one bundle and few wavelengths")
    parser.add_argument("--parts", default=",".join(PARTS[:4]), help="of %s (default: %%(default)s)" % ",".join(PARTS))
    parser.add_argument("--limit", type=float, default=60, metavar="SECONDS",
                        help="of a step (default: %(default)s); sanitizers get twice as much, ncu two and a half times")
    parser.add_argument("--tests", default="", metavar="REGEX", help="of the tests, those whose name matches")
    parser.add_argument("--quick-tests", action="store_true", help="the tests alone with smaller inputs")
    parser.add_argument("--solvers", default="banded,dense", help="of the part extract (default: %(default)s)")
    parser.add_argument("--variants", default="", metavar="[NAME=]DIR[,...]",
                        help="other folders with an unspot, timed beside this one in the part extract")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--processes", default="1,2,4", help="on the card at a time (default: %(default)s)")
    parser.add_argument("--peer", metavar="DIR", help="adds the part peer")
    parser.add_argument("--peer-repeat", type=int, default=1, metavar="N")
    parser.add_argument("--peer-spectra", type=int, metavar="N", help="of the frame (default: all)")
    parser.add_argument("--peer-processes", default="1", metavar="N,...", help="(default: %(default)s)")
    parser.add_argument("--peer-steps", default="50", metavar="N,...", help="its nwavestep (default: %(default)s)")
    parser.add_argument("--peer-limit", type=float, default=150, metavar="SECONDS", help="(default: %(default)s)")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs gpu_specter")
    parser.add_argument("--profile", action="store_true", help="adds the part profile")
    parser.add_argument("--ncu-count", type=int, default=20, metavar="N", help="launches (default: %(default)s)")
    parser.add_argument("--ncu-kernels", default="", metavar="REGEX", help="kernels whose name matches")
    parser.add_argument("--reference", default=os.path.join(ROOT, "..", "shared", "reference"))
    parser.add_argument("--results", default=os.path.join(ROOT, "results"), metavar="DIR")
    parser.add_argument("--name", help="of the result file (default: from the device's)")
    options = parser.parse_args()
    options.parts = options.parts.split(",") + ["peer"] * bool(options.peer) + ["profile"] * options.profile
    if set(options.parts) - set(PARTS):
        parser.error("no part " + ", ".join(sorted(set(options.parts) - set(PARTS))))
    options.parts = sorted(dict.fromkeys(options.parts), key=lambda name: name != "smoke")  # else as they were named
    options.processes, options.peer_processes = numbers(options.processes), numbers(options.peer_processes)
    options.peer_steps, options.solvers = numbers(options.peer_steps), options.solvers.split(",")
    options.programs = os.path.abspath(find_programs(options.preset))
    options.results = os.path.abspath(options.results)
    options.variants = find_variants(options.variants)
    if "peer" in options.parts and not options.peer:
        parser.error("the part peer needs --peer DIR")
    signal.signal(signal.SIGTERM, on_signal)
    with tempfile.TemporaryDirectory(prefix="unspot-gpu.", ignore_cleanup_errors=True) as folder:
        return Run(options, folder).run()


if __name__ == "__main__":
    sys.exit(main())
