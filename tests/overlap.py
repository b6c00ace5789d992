#!/usr/bin/python3
"""overlap.py TIMING.json: from unspot batch --timing, of one group: succeeds when each frame was read before the extraction
of the one before had ended, and its writing began before the extraction of the next had ended."""
import json
import sys

with open(sys.argv[1]) as file:
    events = json.load(file)["events"][1:]
spans = {}
for rank, lane, what, *rest in events:
    if lane != "rank":
        task, begin, end = rest
        spans[what, task] = begin, end
order = sorted((begin, task) for (what, task), (begin, _) in spans.items() if what == "extract")
if len(order) < 2:
    sys.exit("too few frames to tell")
for (_, task), (_, following) in zip(order, order[1:]):
    if spans["read", following][0] > spans["extract", task][1]:
        sys.exit(f"frame {following} was read after frame {task} had been extracted")
    if spans["write", task][0] > spans["extract", following][1]:
        sys.exit(f"frame {task} was written after frame {following} had been extracted")
