#!/usr/bin/env python3
"""Measures how soon weir takes out a backend that dies or hangs under load. It polls weir's status every few
milliseconds.

usage: WEIR=build/release/weir python3 bench/eject.py [ROUNDS]

The bound that weir promises is interval × fall + timeout, plus 100 ms for everything else."""
import os
import signal
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from support.scenario import Scenario, eventually, free_port, web  # noqa: E402

INTERVAL, FALL, TIMEOUT = 0.2, 3, 0.15
BOUND = INTERVAL * FALL + TIMEOUT + 0.1


class Ejection(Scenario):
    def runTest(self):
        backends = [self.demo_backend(f"b{i}") for i in range(3)]
        port = free_port()
        check = "{type: http, interval: 200ms, timeout: 150ms, fall: 3, rise: 2}"
        proxy = self.weir(
            web(port, [f"127.0.0.1:{p}" for _, p in backends], check=check, more="timeouts: {response: 60s}")
        )
        proxy.wait_up(3)
        failed, asked, stop = [0], [0], threading.Event()

        def load():
            client = self.client(port)
            while not stop.is_set():
                asked[0] += 1
                failed[0] += client.get("/")["status"] != 200

        threads = [threading.Thread(target=load) for _ in range(4)]
        took = {"killed": [], "stopped": []}
        for thread in threads:
            thread.start()
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
            process, backend_port = backends[1]
            process.kill()
            took["killed"].append(self.time_until(lambda: "down" in proxy.states()))
            backends[1] = self.demo_backend("b1", backend_port)
            proxy.wait_up(3)
        stop.set()
        for thread in threads:
            thread.join()
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
            process, _ = backends[1]
            process.send_signal(signal.SIGSTOP)
            took["stopped"].append(self.time_until(lambda: "down" in proxy.states()))
            process.send_signal(signal.SIGCONT)
            proxy.wait_up(3)
        print(f"\nbound {BOUND * 1000:.0f} ms; {asked[0]} GETs in the meantime, {failed[0]} failed")
        for how, times in took.items():
            print(f"{how:8}: out after {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms over {len(times)} rounds")
        self.assertEqual(failed[0], 0)
        self.assertLess(max(map(max, took.values())), BOUND)

    @staticmethod
    def time_until(condition):
        began = time.monotonic()
        eventually(condition, "the ejection")
        return time.monotonic() - began


if __name__ == "__main__":
    import unittest

    result = unittest.TextTestRunner().run(Ejection())
    sys.exit(0 if result.wasSuccessful() else 1)
