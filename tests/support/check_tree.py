#!/usr/bin/env python3
"""Checks what the tree promises: includes only downwards, files of at most 400 lines, headers that say who may call.
usage: check_tree.py SOURCE_DIR"""
import pathlib
import re
import sys

ALLOWED = {  # folder -> folders that it may include
    "conf": {"conf"},
    "lock": {"lock"},
    "balancer": {"balancer", "conf"},
    "health": {"health", "balancer", "conf"},
    "proxy": {"proxy", "health", "balancer", "conf", "lock"},
}
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)


def problems(root):
    for folder, allowed in ALLOWED.items():
        files = sorted((root / folder).rglob("*.h")) + sorted((root / folder).rglob("*.cpp"))
        if not files:
            yield f"{folder}: no sources"
        for path in files:
            text = path.read_text()
            name = path.relative_to(root)
            for include in INCLUDE.findall(text):
                if include.split("/")[0] not in allowed:
                    yield f"{name}: includes {include}, but {folder} may only include {', '.join(sorted(allowed))}"
            if folder == "balancer" and ("boost/asio" in text or "yaml-cpp" in text):
                yield f"{name}: balancer is pure: no Asio, no YAML"
            if folder == "conf" and "yaml-cpp" in text and "#include" in text and path.name != "document.cpp":
                if re.search(r"#include\s+<yaml-cpp", text):
                    yield f"{name}: yaml-cpp is included by document.cpp alone"
            if len(text.splitlines()) > 400:
                yield f"{name}: over 400 lines"
            if path.suffix == ".h" and not ("// Thread:" in text and "// Lifetime:" in text):
                yield f"{name}: does not open with what it is, Thread and Lifetime"


found = list(problems(pathlib.Path(sys.argv[1])))
print("\n".join(found) or "the tree is as it should be")
sys.exit(1 if found else 0)
