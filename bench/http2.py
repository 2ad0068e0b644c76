#!/usr/bin/env python3
"""Measures HTTP/2 from clients in weir, nginx, HAProxy and nghttpx side by side, in front of one HTTP/1.1 origin with
kept connections. As in bench.py, each has one worker on one core, h2load has the other core, and rounds are
interleaved. All have the same certificate, TLS 1.3 and AES-128-GCM, and log each request to /dev/null.

usage: ./dev bench http2 [--rounds N] [--seconds S] [--case WORD]... [--also WEIR]... [--max-ratio R]

CPU is the user and system time of a proxy's processes, divided by the number of requests that it answered. "idle" is
the anonymous memory of a connection that waits after one request. A case runs if its name contains one of the WORDs.
--also measures other builds of weir as well. With --max-ratio, the command fails if weir costs more than R times the
better of nginx and HAProxy in any case."""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from bench import LOAD_CORE, ORIGIN, PROXY_CORE, ROOT, cpu_seconds, free_port, memory_kib, wait_for
from tls import KEYS, TlsStage, load

NGINX = """
daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/nginx.log; {user}
events {{ worker_connections 8192; }}
http {{ access_log /dev/null combined buffer=64k flush=1s; keepalive_requests 100000000; proxy_http_version 1.1;
  client_body_temp_path {d}/tn; proxy_temp_path {d}/tn; fastcgi_temp_path {d}/tn;
  uwsgi_temp_path {d}/tn; scgi_temp_path {d}/tn;
  ssl_certificate {d}/both.pem; ssl_certificate_key {d}/both.pem; ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_ecdh_curve X25519;
  upstream origins {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{tls} ssl http2 backlog=4096; listen 127.0.0.1:{plain} http2 backlog=4096;
    location / {{ proxy_pass http://origins;
    proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme; }} }} }}
"""
HAPROXY = """
global
  maxconn 8192
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend web
  bind 127.0.0.1:{tls} ssl crt {d}/both.pem {ciphers} curves X25519 alpn h2
  bind 127.0.0.1:{plain} proto h2
  default_backend origins
backend origins
  http-reuse always
  server a 127.0.0.1:{origin}
"""
NGHTTPX = """
frontend=127.0.0.1,{tls}
frontend=127.0.0.1,{plain};no-tls
backend=127.0.0.1,{origin};;proto=http/1.1
private-key-file={d}/both.pem
certificate-file={d}/both.pem
tls-min-proto-version=TLSv1.3
tls13-ciphers=TLS_AES_128_GCM_SHA256
ecdh-curves=X25519
add-x-forwarded-for=yes
workers=1
single-process=yes
backend-keep-alive-timeout=60
accesslog-file=/dev/null
errorlog-file=/dev/null
"""
WEIR = """
listeners:
  web:
    address: "127.0.0.1:{tls}"
    pool: web
    tls: {{certificates: [{{cert: {d}/both.pem, key: {d}/both.pem}}]}}
  plain: {{address: "127.0.0.1:{plain}", pool: web, http2: true}}
pools:
  web: {{backends: ["127.0.0.1:{origin}"], health_check: {{type: tcp}}, keepalive: {{max_idle: 1024}}}}
process: {{workers: 1, state_dir: {d}/{name}.state}}
admin: {{address: "127.0.0.1:{admin}"}}
logging: {{access: {{output: /dev/null}}}}
"""
# What h2load asks for: the listener, the path, and the number of connections and of streams on each.
CASES = {
    "128 B, 64 connections with 1 stream": ("https", "/small", 64, 1),
    "128 B, 8 connections with 100 streams": ("https", "/small", 8, 100),
    "1 MiB, 16 connections with 1 stream": ("https", "/large", 16, 1),
    "128 B without TLS, 64 connections with 1 stream": ("http", "/small", 64, 1),
    "128 B without TLS, 8 connections with 100 streams": ("http", "/small", 8, 100),
}
IDLE = "idle connections"


class Http2Stage(TlsStage):
    """One origin, and the proxies in front of it. Each has a port with TLS and one without."""

    def __init__(self, also=()):
        self.d = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.d, 0o755)
        self.processes, self.proxies = [], {}
        self.user = "user root;" if os.getuid() == 0 else ""
        with open(f"{self.d}/large", "wb") as f:
            f.write(os.urandom(1 << 20))
        self.make_certificate(KEYS["ec"])
        self.origin = free_port()
        self.write("origin0.conf", ORIGIN.format(d=self.d, n=0, port=self.origin, body="x" * 128, user=self.user))
        self.run(LOAD_CORE, "nginx", "-c", f"{self.d}/origin0.conf", "-p", self.d)
        wait_for(self.origin)
        self.start("nginx", NGINX, "nginx", "-p", self.d, "-c")
        self.start("haproxy", HAPROXY, "haproxy", "-q", "-db", "-f")
        self.start("nghttpx", NGHTTPX, "nghttpx", "--conf")
        self.start("weir", WEIR, os.environ.get("WEIR", f"{ROOT}/build/release/weir"), "run", "-c")
        for path in also:
            self.start(os.path.basename(path), WEIR, path, "run", "-c")

    def start(self, name, text, *command):
        ports = {"tls": free_port(), "plain": free_port()}
        ciphers = "ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256"
        values = {
            "ciphers": ciphers,
            "d": self.d,
            "user": self.user,
            "origin": self.origin,
            "admin": free_port(),
            "name": name,
        }
        self.write(f"{name}.conf", text.format(**ports, **values))
        pid = self.run(PROXY_CORE, *command, f"{self.d}/{name}.conf")
        for port in ports.values():
            wait_for(port)
        self.proxies[name] = (pid, {"https": ports["tls"], "http": ports["plain"]})


def measure(pid, ports, case, seconds):
    scheme, path, connections, streams = CASES[case]
    load_of = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    before = cpu_seconds(pid)
    out = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *load_of, f"{scheme}://127.0.0.1:{ports[scheme]}{path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    user, system = (now - then for now, then in zip(cpu_seconds(pid), before))
    done, good = (int(n) for n in re.search(r" (\d+) done, (\d+) succeeded", out).groups())
    if good == 0:
        sys.exit(f"no request succeeded:\n{out}")
    return {
        "rps": float(re.search(r"([\d.]+) req/s", out)[1]),
        "us": (user + system) / good * 1e6,
        "user": user / good * 1e6,
        "system": system / good * 1e6,
        "bad": done - good,
    }


def measure_idle(pid, ports, count=1000):
    before = memory_kib(pid, "RssAnon")
    clients = load("idle_http2", ports["https"], count)
    answered = int(clients.stdout.readline())
    time.sleep(1)  # buffers are given back
    kib = (memory_kib(pid, "RssAnon") - before) / count
    clients.communicate()
    if answered != count:
        sys.exit(f"only {answered} of {count} idle connections had a response")
    return {"kib": kib}


def ratio(rounds, others, key):
    return statistics.median(r[key] / o[key] for r, o in zip(rounds, others))


def better_of(results, key):
    return [{key: min(n[key], h[key])} for n, h in zip(results["nginx"], results["haproxy"])]


def report(case, results, key):
    better = better_of(results, key)
    print(f"\n{case}; medians of {len(better)} interleaved rounds")
    columns = {"rps": "requests/s", "us": "CPU µs/req", "user": "user", "system": "system", "kib": "KiB each"}
    shown = {k: title for k, title in columns.items() if k in results["weir"][0]}
    print(f"{'':10}" + "".join(f"{title:>12}" for title in shown.values()) + f"{'× weir':>9}{'× better':>10}")
    for name, rounds in results.items():
        bad = sum(r.get("bad", 0) for r in rounds)
        print(
            f"{name:10}"
            + "".join(f"{statistics.median(r[k] for r in rounds):12.{0 if k == 'rps' else 2}f}" for k in shown)
            + f"{ratio(rounds, results['weir'], key):9.2f}{ratio(rounds, better, key):10.2f}"
            + (f"  {bad} failed" if bad else "")
        )
    print(f"weir costs {ratio(results['weir'], better, key):.2f} × the better of nginx and HAProxy", flush=True)
    return ratio(results["weir"], better, key)


def run_case(stage, case, options):
    results = {name: [] for name in stage.proxies}
    for pid, ports in stage.proxies.values():
        measure(pid, ports, case, 1)  # warm
    for number in range(options.rounds):
        for name, (pid, ports) in stage.proxies.items():
            results[name].append(measure(pid, ports, case, options.seconds))
        figures = ", ".join(f"{name} {rounds[-1]['us']:.2f}" for name, rounds in results.items())
        print(f"round {number + 1}/{options.rounds}: {figures}", flush=True)
    return report(case, results, "us")


def run_idle(options):
    """Measures the memory of idle connections in new processes: memory that was freed would be used again."""
    results = {}
    for _ in range(options.rounds):
        stage = Http2Stage(options.also)
        try:
            for name, (pid, ports) in stage.proxies.items():
                results.setdefault(name, []).append(measure_idle(pid, ports))
        finally:
            stage.close()
    return report(IDLE, results, "kib")


def main():
    parser = argparse.ArgumentParser(description="HTTP/2 in weir beside nginx, HAProxy and nghttpx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--case", action="append", default=[], metavar="WORD")
    parser.add_argument("--also", action="append", default=[], metavar="WEIR", help="another build of weir beside it")
    parser.add_argument("--max-ratio", type=float, metavar="R")
    options = parser.parse_args()
    wanted = [case for case in (*CASES, IDLE) if not options.case or any(word in case for word in options.case)]
    if not wanted:
        parser.error("no case has such a name")
    worst = 0
    stage = Http2Stage(options.also)
    try:
        for case in wanted:
            if case != IDLE:
                worst = max(worst, run_case(stage, case, options))
    finally:
        stage.close()
    if IDLE in wanted:
        worst = max(worst, run_idle(options))
    return 1 if options.max_ratio and worst > options.max_ratio else 0


if __name__ == "__main__":
    sys.exit(main())
