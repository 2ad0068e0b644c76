#!/usr/bin/env python3
"""Measures weir, nginx, HAProxy and a bare epoll relay (the floor) side by side. They have the same two origins and one
worker each, pinned to one core; the load runs on the other core. Rounds are interleaved, so that noise affects all of
them alike.

usage: ./dev bench [--rounds N] [--seconds S] [--connections C] [--case small|large|connect] [--max-ratio R]
[--also WEIR]...

--also measures other builds of weir as well, for example the one before a change.

CPU is the user and system time of a proxy's processes (of all their threads), divided by the number of requests that it
answered. The benchmark uses only loopback, and ends every process that it starts."""
import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICK = os.sysconf("SC_CLK_TCK")
PROXY_CORE, LOAD_CORE = 0, 1

ORIGIN = """
daemon off; worker_processes 1; pid {d}/origin{n}.pid; error_log {d}/origin{n}.log; {user}
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; sendfile on;
  client_body_temp_path {d}/t{n}; proxy_temp_path {d}/t{n}; fastcgi_temp_path {d}/t{n};
  uwsgi_temp_path {d}/t{n}; scgi_temp_path {d}/t{n};
  server {{ listen 127.0.0.1:{port} reuseport backlog=4096;
    location /small {{ return 200 "{body}"; }}
    location / {{ root {d}; }} }} }}
"""
NGINX = """
daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/nginx.log; {user}
events {{ worker_connections 8192; }}
http {{ access_log {d}/nginx-access.log combined buffer=64k flush=1s;
  keepalive_requests 100000000; proxy_http_version 1.1;
  client_body_temp_path {d}/tn; proxy_temp_path {d}/tn; fastcgi_temp_path {d}/tn;
  uwsgi_temp_path {d}/tn; scgi_temp_path {d}/tn;
  {tls}
  upstream origins {{ server 127.0.0.1:{a}; server 127.0.0.1:{b}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} {ssl} backlog=4096; location / {{ proxy_pass http://origins;
    proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme; }} }} }}
"""
HAPROXY = """
global
  maxconn 8192
  nbthread 1
  log 127.0.0.1:{log} format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend web
  bind 127.0.0.1:{port} {tls}
  default_backend origins
backend origins
  http-reuse always
  server a 127.0.0.1:{a}
  server b 127.0.0.1:{b}
"""
WEIR = """
listeners:
  web: {{address: "127.0.0.1:{port}", pool: web{tls}}}
pools:
  web:
    backends: ["127.0.0.1:{a}", "127.0.0.1:{b}"]
    health_check: {{type: tcp}}
    keepalive: {{max_idle: 256}}
process: {{workers: 1, state_dir: {d}/state}}
admin: {{address: "127.0.0.1:{admin}"}}
logging: {{access: {{output: {d}/weir-access.log}}}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on {port}")


def family(pid):
    """Returns a process and its descendants."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            for child in f.read().split():
                found += family(int(child))
    except OSError:
        pass
    return found


def memory_kib(pid, kind):
    """Returns the memory of a process and its descendants; `kind` is a line of /proc/PID/status, such as VmRSS."""
    total = 0
    for process in family(pid):
        with open(f"/proc/{process}/status") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith(kind))
    return total


def cpu_seconds(pid):
    """Returns the user and system time of a process and its descendants, in seconds."""
    user = system = 0
    for p in family(pid):
        with open(f"/proc/{p}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


class Stage:
    """The origins and the proxies, all running for the whole measurement."""

    def __init__(self, also=()):
        self.d = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.d, 0o755)
        self.processes, self.proxies = [], {}
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{self.d}/large", "wb") as f:
            f.write(os.urandom(1 << 20))
        a, b = free_port(), free_port()
        for n, port in enumerate((a, b)):
            self.write(f"origin{n}.conf", ORIGIN.format(d=self.d, n=n, port=port, body="x" * 128, user=user))
            self.run(LOAD_CORE, "nginx", "-c", f"{self.d}/origin{n}.conf", "-p", self.d)
            wait_for(port)
        ports = {name: free_port() for name in ("floor", "nginx", "haproxy", "weir")}
        values = dict(d=self.d, a=a, b=b, user=user, admin=free_port(), log=free_port(), tls="", ssl="")
        self.write("nginx.conf", NGINX.format(port=ports["nginx"], **values))
        self.write("haproxy.cfg", HAPROXY.format(port=ports["haproxy"], **values))
        self.write("weir.yaml", WEIR.format(port=ports["weir"], **values))
        relay = f"{self.d}/floor_relay"
        subprocess.run(["g++", "-O2", "-std=c++20", "-o", relay, f"{ROOT}/bench/floor_relay.cpp"], check=True)
        commands = {
            "floor": [relay, str(ports["floor"]), str(a), str(b)],
            "nginx": ["nginx", "-c", f"{self.d}/nginx.conf", "-p", self.d],
            "haproxy": ["haproxy", "-q", "-db", "-f", f"{self.d}/haproxy.cfg"],
            "weir": [os.environ.get("WEIR", f"{ROOT}/build/release/weir"), "run", "-c", f"{self.d}/weir.yaml"],
        }
        for path in also:
            name = os.path.basename(path)
            ports[name], own = free_port(), f"{self.d}/{name}"
            os.mkdir(own)
            self.write(f"{name}.yaml", WEIR.format(port=ports[name], **dict(values, d=own, admin=free_port())))
            commands[name] = [path, "run", "-c", f"{self.d}/{name}.yaml"]
        for name, command in commands.items():
            self.proxies[name] = (self.run(PROXY_CORE, *command), ports[name])
        for _, port in self.proxies.values():
            wait_for(port)

    def write(self, name, text):
        with open(f"{self.d}/{name}", "w") as f:
            f.write(text)

    def run(self, core, *command):
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        return process.pid

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.d, ignore_errors=True)


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1000, "m": 60000}[unit]


def measure(pid, port, path, connections, seconds, headers, scheme="http"):
    before = cpu_seconds(pid)
    command = [
        "taskset",
        "-c",
        str(LOAD_CORE),
        "wrk",
        "--latency",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        *headers,
        f"{scheme}://127.0.0.1:{port}{path}",
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    user, system = (now - then for now, then in zip(cpu_seconds(pid), before))
    requests = int(re.search(r"(\d+) requests in", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: (.*)", out)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        "us": (user + system) / requests * 1e6,
        "user": user / requests * 1e6,
        "system": system / requests * 1e6,
        "p50": milliseconds(re.search(r"^\s+50%\s+(\S+)", out, re.M)[1]),
        "p99": milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.M)[1]),
        "bad": int(bad[1]) if bad else 0,
        "errors": errors[1] if errors else "",
    }


CASES = {
    "small": ("/small", [], "128-byte responses over kept connections"),
    "large": ("/large", [], "1 MiB responses over kept connections"),
    "connect": ("/small", ["-H", "Connection: close"], "a new client connection for each request"),
}


def report(case, results, connections):
    print(f"\n{CASES[case][2]}, {connections} connections; medians of {len(results['weir'])} interleaved rounds")
    print(
        f"{'':10}{'requests/s':>12}{'CPU µs/req':>12}{'user':>8}{'system':>8}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'× floor':>9}{'× weir':>9}"
    )

    def median(name, key):
        return statistics.median(r[key] for r in results[name])

    for name in results:

        def ratio(other):
            return statistics.median(r["us"] / o["us"] for r, o in zip(results[name], results[other]))

        bad = sum(r["bad"] for r in results[name])
        print(
            f"{name:10}{median(name, 'rps'):12.0f}{median(name, 'us'):12.2f}"
            f"{median(name, 'user'):8.2f}{median(name, 'system'):8.2f}"
            f"{median(name, 'p50'):9.2f}{median(name, 'p99'):9.2f}"
            f"{ratio('floor'):9.2f}{ratio('weir'):9.2f}" + (f"  {bad} failed" if bad else "")
        )
    better = min(("nginx", "haproxy"), key=lambda name: median(name, "us"))
    share = statistics.median(
        w["us"] / min(n["us"], h["us"]) for w, n, h in zip(results["weir"], results["nginx"], results["haproxy"])
    )
    print(f"weir costs {share:.2f} × the better of nginx and HAProxy ({better})")
    return share


def main():
    parser = argparse.ArgumentParser(description="weir beside nginx, HAProxy and a bare relay")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument(
        "--max-ratio", type=float, help="exit with 1 where weir costs more than that times the better of the two"
    )
    parser.add_argument("--also", action="append", default=[], metavar="WEIR", help="another build of weir beside it")
    options = parser.parse_args()
    names = [os.path.basename(path) for path in options.also]
    if len({"floor", "nginx", "haproxy", "weir", *names}) < 4 + len(names):
        parser.error("--also: each needs a file name of its own, and not weir")
    worst = 0
    stage = Stage(options.also)
    try:
        for case in options.case or CASES:
            path, headers, _ = CASES[case]
            results = {name: [] for name in stage.proxies}
            for pid, port in stage.proxies.values():
                measure(pid, port, path, options.connections, 1, headers)  # warm
            for i in range(options.rounds):
                for name, (pid, port) in stage.proxies.items():
                    results[name].append(measure(pid, port, path, options.connections, options.seconds, headers))
                print(
                    f"round {i + 1}/{options.rounds}: "
                    + ", ".join(f"{n} {r[-1]['us']:.2f}" for n, r in results.items()),
                    flush=True,
                )
            worst = max(worst, report(case, results, options.connections))
    finally:
        stage.close()
    sys.exit(1 if options.max_ratio and worst > options.max_ratio else 0)


if __name__ == "__main__":
    main()
