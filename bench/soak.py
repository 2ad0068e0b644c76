#!/usr/bin/env python3
"""Runs mixed traffic for a long time, with clients that abort, backends that are killed, and reloads. Weir's memory
must not grow, its number of descriptors must return to what it was, and no request of a well-behaved client may fail.

usage: ./dev bench soak [MINUTES]

Fails if a request failed, if memory grew by more than 64 KiB a minute over the second half, or if descriptors
leaked."""
import os
import random
import socket
import struct
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from support.scenario import Client, Scenario, eventually, free_port, web  # noqa: E402

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 20
CHECK = "{type: http, interval: 500ms, timeout: 400ms, fall: 2, rise: 1}"


class Soak(Scenario):
    def runTest(self):
        self.over, self.counts, self.failures, self.lock = threading.Event(), {}, [], threading.Lock()
        self.backends = [self.demo_backend(f"b{i}") for i in range(4)]
        self.port = free_port()
        self.proxy = self.weir(self.config(1))
        self.proxy.wait_up(4)
        for _ in range(50):
            self.good()
        baseline, memory = self.proxy.descriptors(), []
        jobs = [self.good, self.good, self.upload, self.pipeline, self.slow]
        threads = [threading.Thread(target=self.repeat, args=(job,)) for job in jobs] + [
            threading.Thread(target=self.repeat, args=(job, pause))
            for job, pause in (
                (self.abort, 0.01),
                (self.abort, 0.01),
                (self.nonsense, 0.02),
                (self.reload, 2),
                (self.kill, 10),
            )
        ]
        for thread in threads:
            thread.start()
        end, begin = time.monotonic() + MINUTES * 60, time.monotonic()
        while time.monotonic() < end and not self.failures:
            time.sleep(min(5, MINUTES * 3))
            memory.append((time.monotonic() - begin, self.proxy.memory()))
            if len(memory) % 12 == 0:
                print(
                    f"{memory[-1][0] / 60:5.1f} min: {memory[-1][1]} KiB, {self.proxy.descriptors()} descriptors, "
                    f"{self.counts}",
                    flush=True,
                )
        self.over.set()
        for thread in threads:
            thread.join()
        self.proxy.reload(self.config(1))
        self.proxy.wait_up(4)
        eventually(
            lambda: self.proxy.metrics()['weir_connections_active{listener="web"}'] == 0,
            "all clients are gone",
            timeout=90,
        )
        eventually(
            lambda: self.proxy.descriptors() - sum(b["idle"] for b in self.proxy.backends().values()) <= baseline,
            "descriptors are back",
            timeout=90,
        )
        slope = self.slope(memory[len(memory) // 2 :])
        print(
            f"{self.counts}\n{len(self.failures)} failed {self.failures[:5]}\n"
            f"memory: {slope:+.1f} KiB a minute over the second half, {memory[0][1]} to {memory[-1][1]} KiB; "
            f"descriptors {baseline} at first, {self.proxy.descriptors()} at the end, "
            f"of which idle to backends {sum(b['idle'] for b in self.proxy.backends().values())}"
        )
        self.assertEqual(self.failures, [])
        self.assertLess(slope, 64)

    @staticmethod
    def slope(points):
        """Returns the growth in kilobytes per minute, by least squares."""
        n = len(points)
        mean_t, mean_m = sum(t for t, _ in points) / n, sum(m for _, m in points) / n
        return (
            60
            * sum((t - mean_t) * (m - mean_m) for t, m in points)
            / max(sum((t - mean_t) ** 2 for t, _ in points), 1e-9)
        )

    def config(self, number):
        more = f"timeouts: {{client_header: 2s, client_idle: 2s}}\nlimits: {{header_count: {90 + number % 10}}}"
        used = self.backends if number % 3 else self.backends[:-1]  # the last backend comes and goes
        return web(self.port, [f"127.0.0.1:{p}" for _, p in used], check=CHECK, more=more)

    def repeat(self, job, pause=0.0):
        while not self.over.wait(pause):
            try:
                job()
            except OSError:
                if job in (self.good, self.pipeline, self.upload):
                    self.failures.append(f"{job.__name__}: connection lost")
            except AssertionError as problem:
                self.failures.append(f"{job.__name__}: {problem}")
            with self.lock:
                self.counts[job.__name__] = self.counts.get(job.__name__, 0) + 1

    def good(self):
        with Client(self.port) as client:
            for _ in range(20):
                answer = client.get("/")
                assert answer and answer["status"] == 200, answer
                if answer["fields"].get("connection") == "close":
                    return

    def upload(self):
        """A request with a body cannot be retried once it is under way, so it may fail if its backend dies."""
        with Client(self.port) as client:
            body = bytes(random.choice((10, 10_000, 1_000_000)))
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = client.reader.response()
            assert answer and answer["status"] in (200, 502), answer

    def pipeline(self):
        with Client(self.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
            for _ in range(10):
                answer = client.reader.response()
                assert answer and answer["status"] == 200, answer
                if answer["fields"].get("connection") == "close":
                    return

    def abort(self):
        with Client(self.port) as client:
            request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
            client.send(request[: random.randrange(1, len(request))])
            if random.random() < 0.5:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def nonsense(self):
        with Client(self.port) as client:
            client.send(os.urandom(random.randrange(1, 3000)))
            client.sock.settimeout(0.2)
            client.rest()

    def slow(self):
        with Client(self.port) as client:
            client.send("GET / HTTP/1.1\r\nHo")
            client.rest()

    def reload(self):
        self.proxy.reload(self.config(self.counts.get("reload", 0)))

    def kill(self):
        number = random.randrange(3)
        process, port = self.backends[number]
        process.kill()
        process.wait()
        eventually(lambda: "down" in self.proxy.states(), "it is out")
        self.backends[number] = self.demo_backend(f"b{number}", port)
        eventually(lambda: "down" not in self.proxy.states(), "it is back")


if __name__ == "__main__":
    import unittest

    sys.exit(not unittest.TextTestRunner().run(Soak()).wasSuccessful())
