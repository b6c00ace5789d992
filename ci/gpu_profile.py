"""Tables from what profilers write, for ci/gpu run."""
import csv
import json
import re

# What ncu calls it: its name in the table, and by what it is divided
NCU_COLUMNS = {
    "gpu__time_duration.sum": ("microseconds", 1e3),
    "launch__grid_size": ("teams", 1),
    "launch__block_size": ("threads", 1),
    "launch__registers_per_thread": ("registers", 1),
    "sm__warps_active.avg.pct_of_peak_sustained_active": ("occupancy_percent", 1),
    "sm__throughput.avg.pct_of_peak_sustained_elapsed": ("compute_percent", 1),
    "gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed": ("memory_percent", 1),
    "dram__bytes_read.sum": ("dram_read_mb", 1e6),
    "dram__bytes_write.sum": ("dram_written_mb", 1e6),
}
NCU_STALL = re.compile(r"smsp__average_warps_issue_stalled_(\w+)_per_issue_active\.ratio$")


def launched(text):
    """The kernels that LLVM's runtime says it launched, with LIBOMPTARGET_INFO=16, in that order."""
    return [short_kernel(name) for name in re.findall(r"Launching kernel (\S+)", text)]


def trace_events(path, kernels=()):
    """Of a file of LIBOMPTARGET_PROFILE, by name: how many, and milliseconds in all. The trace does not name kernels:
    `kernels` does, if there are as many as regions, else their numbers of arguments tell them apart. A region lasts
    until its kernel has ended. Copies are told apart by direction."""
    table = {}
    with open(path) as file:
        events = [event for event in json.load(file)["traceEvents"] if event.get("ph") == "X"]
    events = sorted((event for event in events if not event["name"].startswith("Total ")), key=lambda e: e["ts"])
    regions = [event for event in events if event["name"] == "Runtime: target exe"]
    if len(regions) == len(kernels):
        for region, kernel in zip(regions, kernels):
            region["name"] = "region " + kernel
    for event in events:
        detail = str(event.get("args", {}).get("detail", ""))
        values = dict(re.findall(r"(\w+)=(-?\d+)", detail))
        name = event["name"]
        if "NumArguments" in values:
            name += ", %s arguments" % values["NumArguments"]
        elif {"src_dev", "dst_dev"} <= set(values):
            name += ", device %s to %s" % (values["src_dev"], values["dst_dev"])
        row = table.setdefault(name, {"count": 0, "ms": 0.0, "largest_ms": 0.0, "megabytes": 0.0})
        row["count"] += 1
        row["ms"] += event["dur"] / 1e3
        row["largest_ms"] = max(row["largest_ms"], event["dur"] / 1e3)
        row["megabytes"] += int(values.get("size", 0)) / 1e6
    return dict(sorted(table.items(), key=lambda item: -item[1]["ms"]))


def short_kernel(name):
    """band_cholesky_l40 of __omp_offloading_10_abc_band_cholesky_l40, also in a line of text"""
    return re.sub(r"__omp_offloading_[0-9a-f]+_[0-9a-f]+_", "", name)


def ncu_number(text):
    try:
        return float(text.replace(",", ""))
    except (AttributeError, ValueError):
        return None


def ncu_launches(text):
    """Of `ncu --csv --page raw --print-units base`: a short row for each launch."""
    lines = text.splitlines()
    first = next((k for k, line in enumerate(lines) if line.startswith('"ID"')), len(lines))
    launches = []
    for row in csv.DictReader(lines[first:]):
        if not row.get("ID"):
            continue  # the line of units
        launch = {"kernel": short_kernel(row.get("Kernel Name", "?"))}
        for column, (name, unit) in NCU_COLUMNS.items():
            value = ncu_number(row.get(column))
            launch[name] = None if value is None else round(value / unit, 3)
        stalls = {match.group(1): ncu_number(row[column])
                  for column, match in ((c, NCU_STALL.search(c or "")) for c in row) if match}
        stalls = sorted(((value, name) for name, value in stalls.items() if value), reverse=True)
        launch["stalls"] = {name: round(value, 2) for value, name in stalls[:4]}
        launches.append(launch)
    return launches
