#!/usr/bin/env python3
"""Whether the compiler refuses includes that run upward: see unspot_room() in CMakeLists.txt.

rooms.py BUILD: BUILD is a folder that CMake has configured. Each room's own compile command is asked which headers it
finds; a forbidden include, added to a copy of one of the room's sources, must not compile, and the copy without it must.
Then the includes of all sources are read, since a relative path gets round the compiler's view.
"""
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Whose public headers each room may include, beside its own; what these rooms may include, it may, too.
BELOW = {
    "base": [],
    "device": ["base"],
    "io": ["base"],
    "ranks": ["base"],
    "run": ["io", "device"],
    "linalg": ["base"],
    "linalg_kernels": ["linalg"],
    "linalg_ref": ["linalg_kernels"],
    "linalg_lapack": ["linalg_kernels"],
    "linalg_offload": ["linalg_kernels", "device"],
    "linalg_cuda": ["linalg_offload"],
    "omp": ["linalg", "device"],
    "omp_kernels": ["omp"],
    "omp_host": ["omp_kernels"],
    "omp_device": ["omp_kernels"],
    "extract": ["omp", "run"],
    "share": ["extract", "ranks"],
    "batch": ["share"],
    "simulate": ["omp", "run"],
    "compare": ["io"],
    "commands": ["batch", "simulate", "compare"],
}
GENERATED = {"run": {"run/version.h"}}
FAILURES = []


def fail(text):
    FAILURES.append(text)
    print("FAILED: " + text)


def closure(room):
    """All rooms below."""
    found = set()
    for other in BELOW[room]:
        found |= {other} | closure(other)
    return found


def outer_of(room):
    """The room that it is a part of, whose private headers it sees."""
    return room.split("_")[0]


def headers_of(build, room, kind):
    folder = os.path.join(build, "rooms", room, kind)
    return {os.path.relpath(path, folder) for path in glob.glob(folder + "/**/*.h", recursive=True)} | {
        os.path.relpath(path, folder)  # glob does not follow a linked folder in all versions of Python
        for link in glob.glob(folder + "/*/internal") for path in glob.glob(link + "/*.h")}


def commands_of(build):
    """{room: (compile command without its output, source)}, of the first source of each room."""
    with open(os.path.join(build, "compile_commands.json")) as file:
        entries = json.load(file)
    result = {}
    for entry in entries:
        words = shlex.split(entry["command"])
        target = re.search(r"CMakeFiles/unspot_(\w+)\.dir/", words[words.index("-o") + 1])
        if not target or target[1] in result:
            continue
        if os.path.basename(words[0]) == "check-device":
            words.pop(0)  # a compiler launcher
        keep = [word for word in words if not word.startswith(("-fsanitize", "-M"))]
        for flag in ("-o", "-c", "-MT", "-MF"):
            if flag in keep:
                del keep[keep.index(flag):keep.index(flag) + 2]
        keep = [word for word in keep if not word.endswith((".o.d", ".o"))]
        result[target[1]] = (keep, entry["file"])
    return result


def compile_text(command, text, *flags):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "copy.c")
        with open(path, "w") as file:
            file.write(text)
        return subprocess.run(command + list(flags) + [path], cwd=folder, capture_output=True, text=True)


def seen(command, headers):
    """Which of these headers an include finds."""
    text = "".join('#if __has_include("%s")\nSEEN "%s"\n#endif\n' % (name, name) for name in sorted(headers))
    return set(re.findall(r'^SEEN "(.+)"$', compile_text(command, text, "-E").stdout, re.M))


def allowed_in(room, public, private):
    """The headers that a room may include."""
    outer = outer_of(room)
    allowed = public[room] | private[room] | private[outer] | public[outer] | GENERATED.get(room, set())
    for other in closure(room):
        allowed |= public[other] | GENERATED.get(other, set())
    return allowed


def check_room(room, command, source, public, allowed, every):
    found = seen(command, every)
    for name in sorted(found - allowed):
        fail("%s can include %s" % (room, name))
    for name in sorted(public - found):
        fail("%s cannot include its own %s" % (room, name))

    with open(source) as file:
        text = file.read()
    control = compile_text(command, text, "-fsyntax-only")
    if control.returncode != 0:
        fail("a copy of %s does not compile: %s" % (os.path.relpath(source, ROOT), control.stderr[:500]))
    forbidden = sorted(every - allowed)[0]
    broken = compile_text(command, '#include "%s"\n%s' % (forbidden, text), "-fsyntax-only")
    if broken.returncode == 0 or not re.search(re.escape(forbidden) + r".*(not found|No such file)", broken.stderr):
        fail("%s: a copy with #include \"%s\" is not refused: %s" % (room, forbidden, broken.stderr[:500]))


def wrong_includes(text, allowed, every):
    """The includes of a source that its room may not have: of a header outside of allowed, and any that does not say the
    room, as the compiler also looks beside the source."""
    wrong = []
    for mark, name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)', text, re.M):
        if (name not in allowed if mark == '"' else name in every) or "." in name.split("/") or ".." in name.split("/"):
            wrong.append(name)
    return wrong


def room_of(path, rooms):
    """The room of a source, which is its folder's, or that of the folder above."""
    folder = os.path.dirname(path)
    for name in (folder, os.path.dirname(folder)):
        room = re.sub("^src/", "", name).replace("/", "_")
        if room in rooms:
            return room
    return None


def check_sources(rooms, allowed, every):
    """Every source stands in a room and includes only what it may. The compiler cannot see to the latter alone: it finds
    a quoted name beside the source, too, and does what a relative path says."""
    listed = [os.path.relpath(path, ROOT) for top in ("src", "omp", "linalg", "io") for ending in "ch"
              for path in glob.glob(os.path.join(ROOT, top, "**", "*." + ending), recursive=True)]
    if len(listed) < 2 * len(rooms):
        fail("%d sources are in %d rooms" % (len(listed), len(rooms)))
    users = {}
    for path in sorted(listed):
        room = "main" if path == "src/main.c" else room_of(path, rooms)
        if room is None:
            fail("%s is in no room" % path)
            continue
        with open(os.path.join(ROOT, path)) as file:
            text = file.read()
        for name in wrong_includes(text, allowed[room], every):
            fail("%s includes %s" % (path, name))
        for name in re.findall(r'#include "(.+)"', text):
            users.setdefault(name, set()).add(room)
    return users


def check_guard(room, allowed, every):
    """What check_sources must refuse in each room."""
    for name in sorted(every - allowed):
        for line in ('#include "%s"', '# include  "%s"', "#include <%s>", '#include "../%s"', '#include "base/../%s"'):
            if not wrong_includes(line % name, allowed, every):
                fail("%s: %s is not refused" % (room, line % name))
    for name in sorted(allowed):
        if wrong_includes('#include "%s"' % name, allowed, every):
            fail("%s: %s is refused" % (room, name))


def check_public(public, users):
    """A header that others may include is one that others do include, or a header that they do."""
    for room, headers in public.items():
        needed = {name for name in headers if users.get(name, set()) - {room}}
        with_them = set(needed)
        while with_them:
            text = ""
            for name in with_them:
                folder = "" if name.startswith(("io/", "omp/", "linalg/")) else "src"
                with open(os.path.join(ROOT, folder, name)) as file:
                    text += file.read()
            with_them = {name for name in headers - needed if '#include "%s"' % name in text}
            needed |= with_them
        for name in sorted(headers - needed):
            fail("%s is public, and no other room needs it" % name)


def main(build):
    commands = commands_of(build)
    if set(commands) != set(BELOW):
        fail("the rooms are %s, this test knows %s" % (sorted(commands), sorted(BELOW)))
    public = {room: headers_of(build, room, "public") for room in commands}
    private = {room: headers_of(build, room, "private") for room in commands}
    every = set().union(*public.values(), *private.values())
    allowed = {room: allowed_in(room, public, private) for room in commands}
    allowed["main"] = public["commands"] | public["base"] | public["run"] | GENERATED["run"]
    for room in sorted(commands):
        check_room(room, *commands[room], public[room], allowed[room], every)
        check_guard(room, allowed[room], every)
    check_public(public, check_sources(set(commands), allowed, every))
    print("%d rooms, %d failures" % (len(commands), len(FAILURES)))
    return bool(FAILURES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
