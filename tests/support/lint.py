#!/usr/bin/env python3
"""Runs clang-tidy over rooms, a room at a time: its sources are read as one translation unit, so that what they include
is read and checked once. The sources of a room whose names collide are read one by one.
usage: lint.py SOURCE_DIR BUILD_DIR [--changed [BASE]] [--seconds N]

--changed   only rooms with a file that differs from BASE. Without a BASE: from the commit where this branch left the
            default branch; on the default branch itself, from the commit before.
--seconds   starts no further room after this time, and says which rooms were left out.

BUILD_DIR has a compile_commands.json from a configuration without precompiled headers."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

TOPS = ("base", "tls", "conf", "lock", "balancer", "health", "proxy")
FINDING = re.compile(r"^(\S+?):\d+:\d+: (?:error|warning): ", re.MULTILINE)
UNREADABLE = "[clang-diagnostic-error"
TIDY = ("clang-tidy-19", "--quiet", "--warnings-as-errors=*")


def git(root, *words):
    """Returns what git prints, or None if it fails."""
    done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def find_base(root):
    """Returns the commit to compare with: where this branch left the default branch, or the commit before. Returns None
    if there is neither, as in a clone of one commit."""
    head = git(root, "rev-parse", "HEAD")
    default = git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    for branch in filter(None, (default, "origin/main", "main")):
        base = git(root, "merge-base", "HEAD", branch)
        if base and base != head:
            return base
    return git(root, "rev-parse", "--verify", "--quiet", "HEAD~1")


def changed_files(root, base):
    """Returns the files that differ from the base, committed or not; without a base, the files of the last commit."""
    if base:
        listed = git(root, "diff", "--name-only", base)
        if listed is None:
            sys.exit(f'lint: there is no commit "{base}" to compare with')
    else:
        listed = git(root, "show", "--name-only", "--format=", "HEAD") or ""
    untracked = git(root, "ls-files", "--others", "--exclude-standard") or ""
    return listed.splitlines() + untracked.splitlines()


def all_rooms(root):
    """Returns each room that has sources, with the names of its sources."""
    rooms = {}
    for top in TOPS:
        for path in sorted((root / top).rglob("*.cpp")):
            rooms.setdefault(str(path.parent.relative_to(root)), []).append(str(path.relative_to(root)))
    return rooms


def choose(rooms, changed):
    """Returns the rooms with a changed file; those with the most changes come first."""
    counts = {}
    for name in changed:
        room = os.path.dirname(name)
        if room in rooms and name.endswith((".h", ".cpp")):
            counts[room] = counts.get(room, 0) + 1
    return sorted(counts, key=lambda room: (-counts[room], room))


def flags_of(build, root):
    """Returns the compiler flags for each source, without the compiler, the source and the object."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        kept, skip = [], False
        for word in words[1:]:
            if skip or word in ("-c", "-o", entry["file"]):
                skip = word == "-o"
            else:
                kept.append(word)
        name = os.path.relpath(entry["file"], root)
        flags.setdefault(name, [word for word in kept if word.startswith(("-D", "-I", "-isystem", "-std=", "/"))])
    return flags


def own_findings(root, text):
    """Returns what clang-tidy printed about files of this tree. The analyzer also follows calls into headers of
    libraries, and misreads the coroutines there."""
    findings = []
    is_own = False
    for line in text.splitlines(keepends=True):
        if found := FINDING.match(line):
            is_own = (root / found[1]).resolve().is_relative_to(root)
        if is_own:
            findings.append(line)
    return "".join(findings)


def tidy(root, file, flags):
    """Returns what clang-tidy finds in a file; empty if there is nothing."""
    command = [*TIDY, str(file), "--", *flags, f"-I{root}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode not in (0, 1) or done.returncode and not FINDING.search(done.stdout):
        sys.exit(f"lint: clang-tidy failed on {file}:\n{done.stdout}{done.stderr}")
    # A file that cannot be read as C++ has not been checked, wherever the error is.
    return done.stdout if UNREADABLE in done.stdout else own_findings(root, done.stdout)


def lint_room(root, build, room, names, flags):
    """Returns what clang-tidy finds in a room."""
    unit = build / "rooms" / (room.replace("/", "_") + ".cpp")
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("".join(f'#include "{root / name}" // NOLINT(bugprone-suspicious-include)\n' for name in names))
    findings = tidy(root, unit, flags[names[0]])
    if UNREADABLE in findings:
        findings = "".join(tidy(root, root / name, flags[name]) for name in names)
    return findings


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--changed", nargs="?", const="", metavar="BASE")
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("source", type=lambda text: pathlib.Path(text).resolve())
    options.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    asked = options.parse_args()
    until = time.monotonic() + asked.seconds
    rooms = all_rooms(asked.source)
    chosen = list(rooms)
    if asked.changed is not None:
        chosen = choose(rooms, changed_files(asked.source, asked.changed or find_base(asked.source)))
    flags = flags_of(asked.build, asked.source)

    def run(room):
        if time.monotonic() >= until:
            return room, None
        return room, lint_room(asked.source, asked.build, room, rooms[room], flags)

    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for room, findings in workers.map(run, chosen):
            if findings is None:
                print(f"{room}: left out, there was no time")
            else:
                print(f"{room}: has findings\n{findings}" if findings else f"{room}: clean")
            failed = failed or bool(findings)
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
