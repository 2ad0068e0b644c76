#!/usr/bin/env python3
"""Has spin check every order of events in docs/model/rollout.pml, as it is and with parts taken out.
usage: check_model.py SOURCE_DIR"""
import pathlib
import re
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(sys.argv[1]).resolve() / "docs" / "model" / "rollout.pml"
CASES = [  # macros to define, and the violation that they cause
    ((), None),
    (("AMNESIA",), None),
    (("NO_FENCE",), "mine>begun"),
    (("NO_FENCE_AT_THE_END",), "recorded_config==config"),
    (("AMNESIA", "NO_WATERMARK"), "mine>disk"),
]


def check(defines):
    """Returns the number of states, and the first violation found."""
    flags = [f"-D{d}" for d in defines]
    with tempfile.TemporaryDirectory() as where:
        subprocess.run(["spin", *flags, "-a", str(MODEL)], cwd=where, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["gcc", "-O2", "-DSAFETY", "-DMEMLIM=4096", "-o", "pan", "pan.c"], cwd=where, check=True)
        said = subprocess.run(["./pan", "-m100000"], cwd=where, check=True, capture_output=True, text=True).stdout
    states = re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", said)
    broken = re.search(r"assertion violated \((.*?)\)(?: \(at|\n)", said)
    whole = "max search depth too small" not in said and "Search not completed" not in said
    if not states or not (whole or broken):
        raise SystemExit(f"spin could not look at all of it:\n{said}")
    return int(float(states[1])), broken and broken[1]


failed = False
for defines, expected in CASES:
    states, broken = check(defines)
    name = " ".join(defines) or "as it is"
    print(f"{name}: {states} states, " + (f"violated: {broken}" if broken else "all promises hold"))
    if broken != expected:
        print(f"  but it should be: {expected or 'nothing'}")
        failed = True
sys.exit(1 if failed else 0)
