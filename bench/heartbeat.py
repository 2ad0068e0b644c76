#!/usr/bin/env python3
"""Checks the reference responder to heartbeats (tests/scenario/support/responder.py: one connection at a time, a pause
of 5 s after each answer) with one weir and with two. Its backend must never go down.

usage: ./dev bench heartbeat [MINUTES]

Fails if a backend goes down although the settings allow for the pauses, or if weir does not log what to change when
they do not. Prints the checks and the failures of each weir. A release build is tested with it for a minute."""
import os
import sys
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from support.responders import Responders  # noqa: E402

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 5
STABLE = [
    ("interval: 5s", 1),
    ("interval: 5s", 2),
    ("interval: 6s", 1),
    ("interval: 6s", 2),
    ("interval: 1s, fall: 12", 1),
    ("interval: 1s, fall: 12", 2),
]
TOO_SHORT = [("interval: 1s", 1)]


class Pauses(Responders):
    def runTest(self):
        watched = [
            (check, count, self.watch(self.responder(5)[1], check, count)) for check, count in STABLE + TOO_SHORT
        ]
        threading.Event().wait(MINUTES * 60)
        for check, count, weirs in watched:
            for weir in weirs:
                health = self.health(weir)
                print(
                    f"{check}, weirs: {count}: {health['state']}, checks: {health['checks']}, "
                    f"failed: {health['failed_checks']}, "
                    f"ejections: {health['ejections']}, {health.get('last_failure', 'never a failure')}",
                    flush=True,
                )
                if (check, count) in STABLE:
                    self.assertEqual((health["state"], health["ejections"]), ("up", 0))
                    self.assertGreater(health["checks"], MINUTES * 60 / 15)
                else:
                    weir.wait_logged("no OK for 3s; answers take up to 5s: raise interval or fall")


began = time.monotonic()
passed = unittest.TextTestRunner().run(Pauses()).wasSuccessful()
print(f"{time.monotonic() - began:.0f} s")
sys.exit(0 if passed else 1)
