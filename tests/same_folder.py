#!/usr/bin/python3
"""same_folder.py A B: the folders A and B hold FITS files of the same names, and these have the same data
(same_data.py)."""
import os
import sys

import same_data

a, b = sys.argv[1:]
names = [sorted(os.listdir(folder)) for folder in (a, b)]
if names[0] != names[1]:
    sys.exit(f"{a} holds {names[0]}, {b} holds {names[1]}")
if not names[0]:
    sys.exit(f"{a} and {b} are empty")
for name in names[0]:
    difference = same_data.main(os.path.join(a, name), os.path.join(b, name))
    if difference:
        sys.exit(f"{name}: {difference}")
