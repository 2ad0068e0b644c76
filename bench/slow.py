#!/usr/bin/env python3
"""Measures what 1,000 slow clients do to another client: slowhttptest attacks weir in three modes (heads, bodies,
reading). The latency of a well-behaved client during the attack is compared with its latency before and after it, and
with its latency while another weir on the same machine is attacked in the same way. The difference from the latter is
the price of sharing a weir with the attackers.

usage: ./dev bench slow [CONNECTIONS] [heads|bodies|reading|options]...

WEIR=PATH measures another build of weir.

The weirs, which have one worker each, and the measured client share one core. The attackers and the large backend,
which would be other machines in production, have the other core. The large backend has a small send buffer, because
its kernel memory would not be on this machine.

Each mode ends when weir has closed all attackers' connections. The output shows the peak memory for each of them.

The last mode, options, is not slow: eight clients send requests of 15.8 KB, with 7,700 Connection options and 97
fields, as fast as they are answered. The output shows the p95 latency of the other client, as ratios, and what one such
request costs weir."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from bench import cpu_seconds  # noqa: E402
from support.scenario import Client, Scenario, can_connect, eventually, free_port, web  # noqa: E402

OUR_CORE, THEIR_CORE = 0, 1
OPTION_CLIENTS, OPTION_SECONDS = 8, 8
ELSEWHERE = ["taskset", "-c", str(THEIR_CORE)]
NUMBERS = [int(word) for word in sys.argv[1:] if word.isdigit()]
CONNECTIONS = NUMBERS[0] if NUMBERS else 1000
MODES = {
    "heads": ["-H", "-i", "2", "-x", "24"],
    "bodies": ["-B", "-i", "2", "-s", "8192", "-x", "10"],
    "reading": ["-X", "-w", "512", "-y", "1024", "-n", "2", "-z", "32", "-k", "1"],
}
OPTIONS = "options"
WANTED = [word for word in sys.argv[1:] if not word.isdigit()] or [*MODES, OPTIONS]
LIMITS = {"heads": "client_header (5 s)", "bodies": "client_idle (5 s)", "reading": "client_idle (5 s)"}


class Slow(Scenario):
    def runTest(self):
        os.sched_setaffinity(0, {OUR_CORE})  # child processes inherit it, unless started with ELSEWHERE
        self.small, self.large = self.demo_backend("small")[1], self.large_backend()
        self.proxy, self.other = self.serve(), self.serve()
        self.latencies(2000)
        for mode in WANTED:
            if mode == OPTIONS:
                self.compare_options()
            else:
                self.compare(mode, MODES[mode])

    def serve(self):
        port = free_port()
        proxy = self.weir(
            f"""
listeners: {{web: {{address: "127.0.0.1:{port}", pool: small}}}}
routes: [{{match: {{path_prefix: /large}}, pool: large}}]
pools: {{small: {{backends: ["127.0.0.1:{self.small}"]}}, large: {{backends: ["127.0.0.1:{self.large}"]}}}}
timeouts: {{client_header: 5s, client_idle: 5s}}
""",
            workers=1,
        )
        proxy.port = port
        return proxy

    def large_backend(self):
        """Starts an nginx that serves a large file; returns its port."""
        directory, port = self.weir(web(free_port(), ["127.0.0.1:9"])).directory, free_port()
        with open(f"{directory}/large", "wb") as f:
            f.write(bytes(4 << 20))
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{directory}/nginx.conf", "w") as f:
            f.write(
                f"""daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log; {user}
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {directory}/t; proxy_temp_path {directory}/t; fastcgi_temp_path {directory}/t;
  uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;
  server {{ listen 127.0.0.1:{port} backlog=4096 sndbuf=64k; location /large {{ root {directory}; }} }} }}
"""
            )
        self.start(*ELSEWHERE, "nginx", "-c", f"{directory}/nginx.conf")
        eventually(lambda: can_connect(port), "nginx answers")
        return port

    def latencies(self, count):
        """Returns the latencies of a well-behaved client at the measured weir."""
        times = []
        with Client(self.proxy.port) as client:
            for _ in range(count):
                begin = time.perf_counter()
                assert client.get("/")["status"] == 200
                times.append(time.perf_counter() - begin)
        return times

    def attack(self, mode, options, target):
        """Attacks `target` until it has closed all attackers' connections. Returns the measured client's latencies, the
        number of attackers, the time it took, and the memory per attacker, in weir and in the kernel."""
        before, kernel = target.memory(), kernel_memory()
        path = "/large" if mode == "reading" else "/"
        attacker = subprocess.Popen(
            [
                *ELSEWHERE,
                "slowhttptest",
                "-c",
                str(CONNECTIONS),
                "-r",
                "500",
                "-l",
                "60",
                "-p",
                "5",
                *options,
                "-u",
                f"http://127.0.0.1:{target.port}{path}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        begin = time.monotonic()
        peak, busy, most, most_kernel = 0, [], 0, 0
        try:
            eventually(lambda: active(target) > 0.05 * CONNECTIONS, "the crowd comes")
            while (now := active(target)) > 0.05 * CONNECTIONS:  # until the crowd is gone
                busy.append((now, self.latencies(200)))
                most, peak, most_kernel = max(most, now), max(peak, target.memory()), max(most_kernel, kernel_memory())
            assert most > 0.9 * CONNECTIONS, most
            eventually(lambda: active(target) <= 1, "all are closed", timeout=60)
        finally:
            attacker.kill()
            attacker.wait()
        return busy, most, time.monotonic() - begin, (peak - before) / most, (most_kernel - kernel) / most

    def compare(self, mode, options):
        calm = self.latencies(3000)
        elsewhere = all_of(self.attack(mode, options, self.other)[0])
        busy, most, closed, kib, kernel_kib = self.attack(mode, options, self.proxy)
        calm = p99(calm + self.latencies(3000))
        here = all_of(busy)
        there = all_of([(n, times) for n, times in busy if n > 0.9 * most])
        codes = {
            k.split('code="')[1][:3]: int(v)
            for k, v in self.proxy.metrics().items()
            if k.startswith("weir_requests_total")
        }
        print(
            f"{mode}: {most:.0f} connections, closed within {closed:.1f} s by {LIMITS[mode]}; "
            f"p99 of another client on the quiet machine {calm:.3f} ms; while all are there {p99(there):.3f} ms, "
            f"{p99(there) / calm:.2f} times that; from the first to the last {p99(here):.3f} ms, "
            f"{p99(here) / calm:.2f} times that and {p99(here) / p99(elsewhere):.2f} times what it is beside such an "
            f"attack "
            f"on another weir (the slowest of {len(here)} requests {max(here) * 1000:.0f} ms); "
            f"at most {kib:.1f} KiB a connection, and {kernel_kib:.0f} KiB in the kernel for all its sockets "
            f"(attacker's, weir's, backend's); answers so far {codes}",
            flush=True,
        )

    def compare_options(self):
        calm = self.latencies(5000)
        elsewhere, _, _ = self.send_options(self.other)
        here, requests, cpu = self.send_options(self.proxy)
        calm = p95(calm + self.latencies(5000))
        print(
            f"options: {OPTION_CLIENTS} clients, {requests} requests of {len(option_request())} bytes, "
            f"{cpu / requests * 1e6:.0f} µs of CPU each; p95 of another client on the quiet machine {calm:.3f} ms; "
            f"beside them {p95(here):.3f} ms, {p95(here) / calm:.2f} times that and {p95(here) / p95(elsewhere):.2f} "
            f"times what it is beside such clients of another weir "
            f"(the slowest of {len(here)} requests {max(here) * 1000:.0f} ms)",
            flush=True,
        )

    def send_options(self, target):
        """Sends expensive requests to `target`. Returns the latencies at the measured weir, the number of
        answers, and the CPU time of the target."""
        script = f"{target.directory}/options.lua"
        with open(script, "w") as f:
            f.write(f"local text = {json.dumps(option_request())}\nfunction request() return text end\n")
        before = cpu_seconds(target.process.pid)
        attackers = subprocess.Popen(
            [
                *ELSEWHERE,
                "wrk",
                "-t1",
                f"-c{OPTION_CLIENTS}",
                f"-d{OPTION_SECONDS}s",
                "-s",
                script,
                f"http://127.0.0.1:{target.port}/",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        busy = []
        while attackers.poll() is None:
            busy += self.latencies(50)
        out = attackers.communicate()[0]
        assert "Non-2xx" not in out, out
        return busy, int(re.search(r"(\d+) requests in", out)[1]), sum(cpu_seconds(target.process.pid)) - sum(before)


def option_request():
    """Returns a head with as many Connection options and fields as the default limits allow."""
    return "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive" + ",x" * 7700 + "\r\n" + "y:\r\n" * 97 + "\r\n"


def active(proxy):
    return proxy.metrics()['weir_connections_active{listener="web"}']


def kernel_memory():
    """Returns how many KiB all TCP sockets of the machine hold."""
    with open("/proc/net/sockstat") as f:
        return (
            next(int(line.rsplit(" ", 1)[1]) for line in f if line.startswith("TCP:"))
            * os.sysconf("SC_PAGE_SIZE")
            / 1024
        )


def all_of(phases):
    return [time for _, times in phases for time in times]


def p99(times):
    return statistics.quantiles(times, n=100)[98] * 1000


def p95(times):
    return statistics.quantiles(times, n=20)[18] * 1000


if __name__ == "__main__":
    import unittest

    sys.exit(not unittest.TextTestRunner(verbosity=0).run(Slow()).wasSuccessful())
