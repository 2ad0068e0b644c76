#!/usr/bin/env python3
"""Checks what the tree promises: every file is in a room, rooms include only what their row allows, every source is
listed in its CMakeLists.txt, files have at most 400 lines, headers state who may call them, and tests have short names.
usage: check_tree.py SOURCE_DIR"""
import pathlib
import re
import sys

# Room -> rooms that it may include, besides itself. A room is listed after the rooms that it includes, so there is no
# way back. CONTRIBUTING.md has a row for each.
# Every room may include EVERYWHERE.
EVERYWHERE = "base"
ROOMS = {
    EVERYWHERE: [],
    "tls": [],
    "net": ["tls"],
    "conf/base": [],
    "conf/model": ["conf/base"],
    "conf/read": ["tls", "conf/base", "conf/model"],
    "conf/plan": ["conf/model"],
    "conf/store": ["conf/base", "conf/read"],
    "conf/watch": ["conf/base"],
    "lock/lease": [],
    "lock/redis": ["lock/lease"],
    "lock/fleet": ["lock/redis"],
    "balancer/algorithms": ["conf/model"],
    "balancer": ["conf/model", "balancer/algorithms"],
    "health/rules": ["conf/model", "balancer"],
    "health/beats": ["conf/base", "conf/model"],
    "health/probes": ["tls", "net", "conf/model", "health/rules"],
    "health/monitor": ["net", "conf/model", "balancer", "health/rules", "health/probes"],
    "proxy/io": ["tls", "conf/model", "balancer"],
    "proxy/log": ["conf/model"],
    "proxy/http1": ["conf/model", "proxy/io"],
    "proxy/http2": ["proxy/io", "proxy/http1"],
    "proxy/grpc": ["proxy/log", "proxy/http1"],
    "proxy/proxy_protocol": ["conf/model"],
    "proxy/auth": [],
    "proxy/bodies": ["proxy/io", "proxy/log"],
    "proxy/compress": ["conf/model", "proxy/http1"],
    "proxy/limits": ["conf/model"],
    "proxy/snapshot": [
        "tls",
        "conf/model",
        "conf/read",
        "balancer/algorithms",
        "balancer",
        "proxy/log",
        "proxy/http1",
        "proxy/grpc",
        "proxy/limits",
    ],
    "proxy/worker": [
        "tls",
        "balancer",
        "proxy/auth",
        "proxy/bodies",
        "proxy/io",
        "proxy/log",
        "proxy/http1",
        "proxy/http2",
        "proxy/proxy_protocol",
        "proxy/compress",
        "proxy/snapshot",
    ],
    "proxy/transfer": ["proxy/io", "proxy/http1", "proxy/bodies", "proxy/compress", "proxy/worker"],
    "proxy/http": [
        "tls",
        "conf/model",
        "balancer/algorithms",
        "balancer",
        "proxy/io",
        "proxy/log",
        "proxy/http1",
        "proxy/http2",
        "proxy/grpc",
        "proxy/auth",
        "proxy/bodies",
        "proxy/compress",
        "proxy/limits",
        "proxy/snapshot",
        "proxy/worker",
        "proxy/transfer",
    ],
    "proxy/tcp": ["tls", "balancer/algorithms", "proxy/io", "proxy/worker", "proxy/transfer"],
    "proxy/runtime": [
        "tls",
        "conf/base",
        "conf/model",
        "conf/read",
        "balancer",
        "health/rules",
        "health/beats",
        "health/monitor",
        "proxy/io",
        "proxy/log",
        "proxy/auth",
        "proxy/bodies",
        "proxy/snapshot",
        "proxy/worker",
        "proxy/http",
        "proxy/tcp",
    ],
    "proxy/fleet": ["conf/base", "conf/model", "lock/lease", "lock/redis", "lock/fleet", "proxy/log"],
    "proxy/reload": [
        "conf/model",
        "conf/read",
        "conf/plan",
        "conf/store",
        "conf/watch",
        "lock/lease",
        "proxy/log",
        "proxy/snapshot",
        "proxy/runtime",
        "proxy/fleet",
    ],
    "proxy/upgrade": ["health/probes", "proxy/runtime"],
    "proxy/admin": [
        "tls",
        "net",
        "conf/model",
        "conf/read",
        "conf/plan",
        "conf/store",
        "lock/fleet",
        "balancer",
        "health/probes",
        "proxy/http1",
        "proxy/snapshot",
        "proxy/http",
        "proxy/runtime",
        "proxy/fleet",
        "proxy/reload",
    ],
    "proxy/process": ["conf/read", "proxy/log", "proxy/runtime", "proxy/reload", "proxy/upgrade", "proxy/admin"],
    "proxy/cli": [
        "tls",
        "net",
        "conf/model",
        "conf/read",
        "conf/plan",
        "conf/store",
        "lock/fleet",
        "proxy/snapshot",
        "proxy/fleet",
        "proxy/reload",
        "proxy/admin",
        "proxy/process",
    ],
    "proxy/cli/agents": [
        "net",
        "conf/model",
        "conf/read",
        "health/beats",
        "health/probes",
        "proxy/log",
        "proxy/process",
        "proxy/cli",
    ],
    "proxy/cli/demo": ["conf/model", "proxy/admin", "proxy/process", "proxy/cli"],
}
LOOSE = {"proxy/main.cpp"}  # files outside of every room
# A room, what its files must not mention, and the reason.
PURE = [
    ("balancer", ("boost/asio", "yaml-cpp"), "balancer is pure: no Asio, no YAML"),
    ("proxy/http1", ("boost/asio", "proxy/io/socket.h", "proxy/io/event_loop.h"), "protocol code moves no bytes"),
    ("proxy/proxy_protocol", ("boost/asio", "proxy/io/"), "protocol code moves no bytes"),
    ("proxy/compress", ("boost/asio", "proxy/io/"), "encoders move no bytes"),
    ("health/rules", ("boost/asio",), "rules are pure: time comes as an argument"),
]
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
# Folders whose work the test "work" counts, and the sources that it leaves out: a process makes its key only once.
COUNTED = ("balancer", "balancer/algorithms", "proxy/http", "proxy/http1")
NOT_COUNTED = {"proxy/http1/process_name_key.cpp"}
TESTS = re.compile(r"tests/unit/(.+)/[^/]+_test\.cpp$")
LONGEST_NAME = 70  # of a test, in characters; details belong in a docstring or comment
TEST_CASE = re.compile(r'\bTEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
TEST_METHOD = re.compile(r"^\s*def (test_\w+)", re.M)


def room_of(name):
    """Returns the room of a file: the one with the longest path that the file's path begins with."""
    parts = name.split("/")[:-1]
    room = "/".join(parts)
    return room if room in ROOMS else None


def order_problems():
    seen = set()
    for room, allowed in ROOMS.items():
        for other in allowed:
            if other not in seen:
                yield f"check_tree.py: {room} may include {other}, which is not listed before it"
        seen.add(room)


def file_problems(name, text):
    if name in LOOSE:
        return
    room = room_of(name)
    if room is None:
        yield f"{name}: is in no room; the rooms are listed in CONTRIBUTING.md and check_tree.py"
        return
    for include in INCLUDE.findall(text):
        other = room_of(include)
        if other is None:
            yield f"{name}: includes {include}, which is in no room"
        elif other not in (room, EVERYWHERE, *ROOMS[room]):
            yield f"{name}: includes {include}, but {room} may only include {', '.join(ROOMS[room]) or 'itself'}"
    for pure, words, reason in PURE:
        if room == pure or room.startswith(pure + "/"):
            for word in words:
                if word in text:
                    yield f"{name}: mentions {word}: {reason}"
    if re.search(r"#include\s+<yaml-cpp", text) and name != "conf/read/document.cpp":
        yield f"{name}: yaml-cpp is included by conf/read/document.cpp alone"
    if len(text.splitlines()) > 400:
        yield f"{name}: over 400 lines"
    if name.endswith(".h") and not ("// Thread:" in text and "// Lifetime:" in text):
        yield f"{name}: does not open with what it is, Thread and Lifetime"


def name_problems(root):
    for path in sorted((root / "tests").rglob("*")):
        text = path.read_text() if path.suffix in (".cpp", ".py") else ""
        if path.suffix == ".cpp":
            names = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', case)) for case in TEST_CASE.findall(text)]
        else:
            names = TEST_METHOD.findall(text)
        for name in names:
            if len(name) > LONGEST_NAME:
                yield f"{path.relative_to(root)}: a test's name has over {LONGEST_NAME} characters: {name}"


def scenario_problems(root):
    for path in sorted((root / "tests/scenario").glob("*.py")):
        if not path.name.startswith("test_"):
            yield f"tests/scenario/{path.name}: is no test; what tests share is in tests/scenario/support/"
    for path in sorted((root / "tests/scenario/support").glob("*test*")):
        yield f"tests/scenario/support/{path.name}: is named like a test, but is a library"


def listed(root, top):
    """Returns the sources that a CMakeLists.txt names, as paths from the root."""
    path = root / top / "CMakeLists.txt"
    words = re.findall(r"[\w/]+\.cpp", path.read_text()) if path.exists() else []
    return {f"{top}/{word}" for word in words}


def problems(root):
    yield from order_problems()
    tops = sorted({room.split("/")[0] for room in ROOMS})
    for top in tops:
        files = sorted(path for path in (root / top).rglob("*") if path.suffix in (".h", ".cpp"))
        names = [str(path.relative_to(root)) for path in files]
        for name, path in zip(names, files):
            yield from file_problems(name, path.read_text())
        for name in sorted({name for name in names if name.endswith(".cpp")} - listed(root, top)):
            yield f"{name}: is not listed in {top}/CMakeLists.txt"
    contributing = (root / "CONTRIBUTING.md").read_text()
    for room in ROOMS:
        if not any((root / room).glob("*.h")):
            yield f"{room}: has no headers"
        if f"| `{room}/` |" not in contributing:
            yield f"{room}: has no row in CONTRIBUTING.md"
    units = [str(path.relative_to(root)) for path in sorted((root / "tests/unit").rglob("*_test.cpp"))]
    for name in units:
        match = TESTS.match(name)
        if not match or match.group(1) not in ROOMS:
            yield f"{name}: mirrors no room"
    work = {str(path.relative_to(root)) for path in (root / "tests/work").glob("*.cpp")}
    for name in sorted((set(units) | work) - listed(root, "tests")):
        yield f"{name}: is not listed in tests/CMakeLists.txt"
    counted = {str(path.relative_to(root)) for room in COUNTED for path in (root / room).glob("*.cpp")}
    for name in sorted(counted - NOT_COUNTED - {path.removeprefix("tests/") for path in listed(root, "tests")}):
        yield f"{name}: its work is not counted: it is not listed for work_tests in tests/CMakeLists.txt"
    yield from name_problems(root)
    yield from scenario_problems(root)


if __name__ == "__main__":
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "the tree is as it should be")
    sys.exit(1 if found else 0)
