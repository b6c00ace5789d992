#!/usr/bin/python3
"""overlap.py TIMING.json: from unspot batch --timing, of one group. Prints "beside" when most frames were read before the
extraction of the one before had ended, and their writing began before the extraction of the next had ended; "after" when
none was read so early; else what it found. Most, not all, as a busy machine may hold up one thread."""
import json
import sys

with open(sys.argv[1]) as file:
    events = json.load(file)["events"][1:]
spans = {}
for rank, lane, what, *rest in events:
    if lane != "rank":
        task, begin, end = rest
        spans[what, task] = begin, end
order = [task for (what, task), _ in sorted(spans.items(), key=lambda item: item[1]) if what == "extract"]
pairs = list(zip(order, order[1:]))
reads = sum(spans["read", following][0] < spans["extract", task][1] for task, following in pairs)
writes = sum(spans["write", task][0] < spans["extract", following][1] for task, following in pairs)
if not pairs:
    sys.exit("too few frames to tell")
if 2 * min(reads, writes) > len(pairs):
    print("beside")
elif reads == 0:
    print("after")
else:
    print(f"{reads} of {len(pairs)} read and {writes} written while another was extracted")
