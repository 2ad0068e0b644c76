#!/usr/bin/env python3
"""What 1,000 slow clients do to another one: slowhttptest in its three modes (heads, bodies, reading) against weir, and
the latency that a client of good manners sees meanwhile, as a ratio to what it sees before and after.

usage: ./dev bench slow [CONNECTIONS]

Each mode ends when weir has closed them all. Also told: the memory that each slow connection cost at most."""
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from weir_test import Scenario, can_connect, eventually, free_port, web  # noqa: E402

CONNECTIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
MODES = {
    "heads": ["-H", "-i", "2", "-x", "24"],
    "bodies": ["-B", "-i", "2", "-s", "8192", "-x", "10"],
    "reading": ["-X", "-w", "512", "-y", "1024", "-n", "2", "-z", "32", "-k", "1"],
}
LIMITS = {"heads": "client_header (5 s)", "bodies": "client_idle (5 s)", "reading": "client_idle (5 s)"}


class Slow(Scenario):
    def runTest(self):
        backend, large = self.demo_backend("small")[1], self.large_backend()
        self.port = free_port()
        self.proxy = self.weir(f'''
listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: small}}}}
routes: [{{match: {{path_prefix: /large}}, pool: large}}]
pools: {{small: {{backends: ["127.0.0.1:{backend}"]}}, large: {{backends: ["127.0.0.1:{large}"]}}}}
timeouts: {{client_header: 5s, client_idle: 5s}}
''')
        self.good = self.client(self.port)
        self.latencies(2000)
        for mode, options in MODES.items():
            self.attack(mode, options)

    def large_backend(self):
        """nginx, with something large."""
        directory, port = self.weir(web(free_port(), ["127.0.0.1:9"])).directory, free_port()
        with open(f"{directory}/large", "wb") as f:
            f.write(bytes(4 << 20))
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{directory}/nginx.conf", "w") as f:
            f.write(f'''daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log; {user}
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {directory}/t; proxy_temp_path {directory}/t; fastcgi_temp_path {directory}/t; uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;
  server {{ listen 127.0.0.1:{port} backlog=4096; location /large {{ root {directory}; }} }} }}
''')
        self.start("nginx", "-c", f"{directory}/nginx.conf")
        eventually(lambda: can_connect(port), "nginx answers")
        return port

    def latencies(self, count):
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            assert self.good.get("/")["status"] == 200
            times.append(time.perf_counter() - begin)
        return times

    def active(self):
        return self.proxy.metrics()['weir_connections_active{listener="web"}']

    def p99(self, times):
        return statistics.quantiles(times, n=100)[98] * 1000

    def attack(self, mode, options):
        before, calm = self.proxy.memory(), self.latencies(3000)
        target = "/large" if mode == "reading" else "/"
        attacker = subprocess.Popen(["slowhttptest", "-c", str(CONNECTIONS), "-r", "500", "-l", "60", "-p", "5", *options, "-u", f"http://127.0.0.1:{self.port}{target}"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begin = time.monotonic()
        try:
            eventually(lambda: self.active() > 0.9 * CONNECTIONS, "the crowd is there")
            peak, busy, most = self.proxy.memory(), [], 0
            while (now := self.active()) > 0.5 * CONNECTIONS:
                busy += self.latencies(200)
                most, peak = max(most, now), max(peak, self.proxy.memory())
            eventually(lambda: self.active() <= 1, "all are closed", patience=60)
        finally:
            attacker.kill()
            attacker.wait()
        closed = time.monotonic() - begin
        self.good = self.client(self.port)  # the old one may have been idle for too long meanwhile
        calm += self.latencies(3000)
        codes = {k.split('code="')[1][:3]: int(v) for k, v in self.proxy.metrics().items() if k.startswith("weir_requests_total")}
        print(f"{mode}: {most:.0f} connections, closed within {closed:.1f} s by {LIMITS[mode]}; p99 of another client {self.p99(busy):.3f} ms "
              f"({len(busy)} requests), before and after {self.p99(calm):.3f} ms: ratio {self.p99(busy) / self.p99(calm):.2f}; "
              f"at most {(peak - before) / most:.1f} KiB a connection; answers so far {codes}", flush=True)


if __name__ == "__main__":
    import unittest

    sys.exit(not unittest.TextTestRunner(verbosity=0).run(Slow()).wasSuccessful())
