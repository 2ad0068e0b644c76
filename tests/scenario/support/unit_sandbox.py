"""Runs a command as systemd would run it for a unit: with the unit's user, capabilities, view of the file system and
system call filter. It knows only the settings in weir's unit. Used by fake_systemd.py, inside a private machine."""
import ctypes
import functools
import json
import os
import re
import resource
import subprocess
import sys

PYTHON = "/usr/bin/python3"  # the unit's user may not be able to read another one
CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18
WRITABLE = ("StateDirectory", "LogsDirectory", "RuntimeDirectory")
PLACES = {
    "StateDirectory": "/var/lib/",
    "LogsDirectory": "/var/log/",
    "RuntimeDirectory": "/run/",
    "ConfigurationDirectory": "/etc/",
}

# The last step, which runs as the unit's user: sets the system call filter, and runs the command.
FILTERED = """
import ctypes, json, os, sys
plan = json.loads(sys.argv[1])
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
ALLOW, EPERM, EQUAL, MASKED = 0x7fff0000, 0x00050001, 4, 7
rules = ctypes.c_void_p(library.seccomp_init(EPERM))
def allow(name, *comparison):
    number = library.seccomp_syscall_resolve_name(name.encode())
    many = (Comparison * 1)(Comparison(*comparison)) if comparison else None
    if number >= 0:
        assert library.seccomp_rule_add_array(rules, ALLOW, number, len(comparison) and 1, many) == 0, name
for name in plan["calls"]:
    if name not in ("socket", "mprotect", "mmap"):
        allow(name)
for family in plan["families"]:
    allow("socket", 0, EQUAL, family, 0)
allow("mprotect", 2, MASKED, 4, 0)  # MemoryDenyWriteExecute: nothing becomes executable, or is both
allow("mmap", 2, MASKED, 4, 0)
allow("mmap", 2, MASKED, 2, 0)
assert library.seccomp_load(rules) == 0
os.execv(plan["command"][0], plan["command"])
"""


def system_calls(words):
    """Returns the names in a set such as @system-service, and in the sets that it includes."""
    names = set()
    for word in words:
        if not word.startswith("@"):
            names.add(word)
            continue
        output = subprocess.run(
            ["systemd-analyze", "syscall-filter", "--no-pager", word], capture_output=True, text=True, check=True
        ).stdout
        names |= system_calls(re.findall(r"^    ([@\w-]+)$", output, re.M))
    return names


@functools.cache
def allowed_calls(*filters):
    """Returns the calls that the lines of SystemCallFilter= allow; the first line is a list of allowed ones."""
    allowed = set()
    for line in filters:
        named = system_calls(line.lstrip("~").split())
        allowed = allowed - named if line.startswith("~") else allowed | named
    return sorted(allowed | system_calls(["@default"]))


def make_directories(unit, user, group):
    for key, place in PLACES.items():
        for name in unit.get(key, [""])[-1].split():
            mode = int(unit.get(key + "Mode", ["0755"])[-1], 8)
            os.makedirs(place + name, exist_ok=True)
            os.chmod(place + name, mode)
            if key != "ConfigurationDirectory":
                os.chown(place + name, user, group)


def isolate(unit):
    """Gives this process its own view of the file system, in which only the unit's directories are writable."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, kind=None, flags=0, data=None):
        if libc.mount(source, target.encode(), kind, flags, data) != 0:
            raise OSError(ctypes.get_errno(), f"mount {target}")

    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    if unit["ProtectSystem"] == ["strict"]:
        for key in WRITABLE:
            for name in unit.get(key, [""])[-1].split():
                path = PLACES[key] + name
                mount(path.encode(), path, None, MS_BIND)
        for path in ("/", "/etc", "/usr", "/var", "/run", "/mnt"):
            mount(b"none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    if unit["ProtectHome"] == ["yes"]:
        for path in ("/home", "/root"):
            mount(b"none", path, b"tmpfs", MS_RDONLY)
    if unit["PrivateTmp"] == ["yes"]:
        mount(b"none", "/tmp", b"tmpfs", 0, b"mode=1777")
    os.umask(int(unit["UMask"][-1], 8))
    limit = int(unit["LimitNOFILE"][-1])
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # a container may not be allowed to raise it
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, highest), min(limit, highest)))


def command_line(unit, command):
    """Returns the command line to execute as root to run `command` as the unit says."""
    capabilities, bounds = (
        ",".join("+" + c.lower().removeprefix("cap_") for c in unit[key][-1].split())
        for key in ("AmbientCapabilities", "CapabilityBoundingSet")
    )
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
    plan = {
        "command": command,
        "calls": allowed_calls(*unit["SystemCallFilter"]),
        "families": [families[f] for f in unit["RestrictAddressFamilies"][-1].split()],
    }
    return [
        PYTHON,
        "-I",
        os.path.abspath(__file__),
        json.dumps(unit),
        "/usr/bin/setpriv",
        "--reuid",
        unit["User"][-1],
        "--regid",
        unit["Group"][-1],
        "--init-groups",
        "--inh-caps",
        "-all," + capabilities,
        "--ambient-caps",
        "-all," + capabilities,
        "--bounding-set",
        "-all," + bounds,
        "--no-new-privs",
        PYTHON,
        "-I",
        "-c",
        FILTERED,
        json.dumps(plan),
    ]


if __name__ == "__main__":
    isolate(json.loads(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
