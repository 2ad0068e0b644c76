#!/usr/bin/env python3
"""Measures TLS in weir, nginx and HAProxy side by side, with the same certificates, TLS 1.3 and AES-128-GCM. As
in bench.py, each has one worker on one core, the load generator has the other core, and rounds are interleaved.

usage: ./dev bench tls [--rounds N] [--seconds S] [--connections C] [--case WORD]…

CPU is the user and system time of a proxy's processes, divided by the number of requests that it answered. With
"full handshakes" and "resumed handshakes", each request has its own connection.
"bystander" is the response time over one kept connection while others make 500 full RSA handshakes a second; "idle" is
the memory of a connection that waits; "two workers" compares the CPU of weir with two workers and with one, both beside
the load on all cores. A case runs if its name contains one of the WORDs."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench import (
    HAPROXY,
    LOAD_CORE,
    NGINX,
    ORIGIN,
    PROXY_CORE,
    ROOT,
    Stage,
    WEIR,
    cpu_seconds,
    family,
    free_port,
    measure,
    memory_kib,
    wait_for,
)

# What each configuration of bench.py adds.
NGINX_TLS = (
    "ssl_certificate {d}/both.pem; ssl_certificate_key {d}/both.pem; ssl_protocols TLSv1.3;"
    " ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_ecdh_curve X25519;"
    " proxy_request_buffering off; client_max_body_size 0;"
)
HAPROXY_TLS = "ssl crt {d}/both.pem ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519"
WEIR_TLS = ", tls: {{certificates: [{{cert: {d}/both.pem, key: {d}/both.pem}}]}}"
# What wrk measures: the key of the certificate, the path, and further arguments.
CASES = {
    "128 B over kept connections": ("ec", "/small", []),
    "1 MiB over kept connections": ("ec", "/large", []),
    "uploads of 1 MiB over kept connections": ("ec", "/small", ["-s", "{d}/upload.lua"]),
}
UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("x", 1048576)\n'
KEYS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


class TlsStage(Stage):
    """One origin, and the three proxies in front of it."""

    def __init__(self, key="ec", workers=1):
        self.d = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.d, 0o755)
        self.processes, self.proxies = [], {}
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{self.d}/large", "wb") as f:
            f.write(os.urandom(1 << 20))
        self.write("upload.lua", UPLOAD)
        self.make_certificate(KEYS[key])
        origin = free_port()
        self.write("origin0.conf", ORIGIN.format(d=self.d, n=0, port=origin, body="x" * 128, user=user))
        self.run(LOAD_CORE, "nginx", "-c", f"{self.d}/origin0.conf", "-p", self.d)
        wait_for(origin)
        values = dict(d=self.d, a=origin, b=origin, user=user, admin=free_port(), log=free_port(), ssl="ssl")
        weir = os.environ.get("WEIR", f"{ROOT}/build/release/weir")
        for name, text, tls, command in (
            ("nginx", NGINX, NGINX_TLS, ["nginx", "-p", self.d, "-c"]),
            ("haproxy", HAPROXY, HAPROXY_TLS, ["haproxy", "-q", "-db", "-f"]),
            ("weir", WEIR.replace(', "127.0.0.1:{b}"', ""), WEIR_TLS, [weir, "run", "-c"]),
        ):
            port = free_port()
            self.write(
                f"{name}.conf",
                text.format(port=port, tls=tls.format(d=self.d), **values).replace("workers: 1", f"workers: {workers}"),
            )
            self.proxies[name] = (self.run(PROXY_CORE, *command, f"{self.d}/{name}.conf"), port)
            wait_for(port)

    def make_certificate(self, kind):
        key = ["-newkey", *kind, "-nodes", "-keyout", f"{self.d}/key.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=localhost", "-out", f"{self.d}/cert.pem"],
            check=True,
            capture_output=True,
        )
        with open(f"{self.d}/both.pem", "wb") as both:
            for name in ("cert", "key"):
                with open(f"{self.d}/{name}.pem", "rb") as part:
                    shutil.copyfileobj(part, both)
        os.chmod(f"{self.d}/both.pem", 0o600)


def load(*arguments):
    """Starts tls_load.py on the load generator's core."""
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-B", f"{ROOT}/bench/tls_load.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *(str(argument) for argument in arguments)], **pipes)


def median(rounds, key):
    return statistics.median(r[key] for r in rounds)


def better(results, key):
    """Returns weir's median ratio to the better of nginx and HAProxy."""
    rounds = zip(results["weir"], results["nginx"], results["haproxy"])
    return statistics.median(w[key] / min(n[key], h[key]) for w, n, h in rounds)


def report(case, results):
    print(f"\n{case}; medians of {len(results['weir'])} rounds")
    print(f"{'':10}{'requests/s':>12}{'CPU µs/req':>12}{'user':>9}{'system':>9}{'p99 ms':>9}{'× weir':>9}")
    for name, rounds in results.items():
        ratio = statistics.median(r["us"] / w["us"] for r, w in zip(rounds, results["weir"]))
        bad = sum(r["bad"] for r in rounds)
        print(
            f"{name:10}{median(rounds, 'rps'):12.0f}{median(rounds, 'us'):12.2f}{median(rounds, 'user'):9.2f}"
            f"{median(rounds, 'system'):9.2f}{median(rounds, 'p99'):9.2f}{ratio:9.2f}"
            + (f"  {bad} failed" if bad else "")
        )
    print(f"weir costs {better(results, 'us'):.2f} × the better of nginx and HAProxy", flush=True)


def report_one(case, results, key, unit):
    print(f"\n{case}; medians of {len(results['weir'])} rounds, in {unit}")
    for name, rounds in results.items():
        print(f"{name:10}{median(rounds, key):12.2f}")
    print(f"weir: {better(results, key):.2f} × the better of nginx and HAProxy", flush=True)


def measure_full(pid, port, options, mode="full"):
    before = cpu_seconds(pid)
    count = int(load(mode, port, options.seconds).communicate()[0])
    return {"us": (sum(cpu_seconds(pid)) - sum(before)) / count * 1e6}


def measure_resumed(pid, port, options):
    return measure_full(pid, port, options, "resumed")


def measure_bystander(pid, port, options):
    handshakes = load("paced", port, options.seconds + 1, 500)
    measured = measure(pid, port, "/small", 1, options.seconds, [], scheme="https")
    handshakes.communicate()
    return measured


def measure_idle(pid, port, count=1000):
    before = memory_kib(pid, "VmRSS")
    clients = load("idle", port, count)
    clients.stdout.readline()
    time.sleep(1)  # buffers are given back
    kib = (memory_kib(pid, "VmRSS") - before) / count
    clients.communicate()
    return {"kib": kib}


# What tls_load.py takes part in: the key of the certificate, the function, the figure and its unit.
OTHERS = {
    "full handshakes with P-256": ("ec", measure_full, "us", "CPU µs"),
    "full handshakes with RSA-2048": ("rsa", measure_full, "us", "CPU µs"),
    "resumed handshakes": ("ec", measure_resumed, "us", "CPU µs"),
    "bystander of 500 RSA handshakes a second": ("rsa", measure_bystander, "p99", "ms (p99)"),
}


def compare_idle(options):
    """Measures the memory of idle connections in new processes: memory that was freed would be used again."""
    results = {"nginx": [], "haproxy": [], "weir": []}
    for _ in range(options.rounds):
        stage = TlsStage()
        try:
            for name, (pid, port) in stage.proxies.items():
                results[name].append(measure_idle(pid, port))
        finally:
            stage.close()
    report_one("idle connections", results, "kib", "KiB each")


def measure_workers(options):
    """Compares two workers with one. All cores serve the load and weir, since there may be only two."""
    results = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, rounds in results.items():
            stage = TlsStage(workers=workers)
            try:
                pid, port = stage.proxies["weir"]
                for process in family(pid):
                    subprocess.run(
                        ["taskset", "-a", "-pc", f"0-{os.cpu_count() - 1}", str(process)],
                        check=True,
                        capture_output=True,
                    )
                rounds.append(measure(pid, port, "/small", options.connections, options.seconds, [], scheme="https"))
            finally:
                stage.close()
    ratio = statistics.median(two["us"] / one["us"] for one, two in zip(results[1], results[2]))
    print(
        f"\ntwo workers: {ratio:.2f} × the CPU of one for each request, medians of {options.rounds} rounds", flush=True
    )


def run_cases(key, options, wanted):
    stage = TlsStage(key)
    try:
        for case, (kind, path, arguments) in CASES.items():
            if kind != key or not wanted(case):
                continue
            results = {name: [] for name in stage.proxies}
            arguments = [argument.format(d=stage.d) for argument in arguments]
            for _ in range(options.rounds):
                for name, (pid, port) in stage.proxies.items():
                    results[name].append(
                        measure(pid, port, path, options.connections, options.seconds, arguments, scheme="https")
                    )
            report(case, results)
        for case, (kind, function, figure, unit) in OTHERS.items():
            if kind != key or not wanted(case):
                continue
            results = {name: [] for name in stage.proxies}
            for _ in range(options.rounds):
                for name, (pid, port) in stage.proxies.items():
                    results[name].append(function(pid, port, options))
            report_one(case, results, figure, unit)
    finally:
        stage.close()


def main():
    parser = argparse.ArgumentParser(description="TLS in weir beside nginx and HAProxy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--case", action="append", default=[], metavar="WORD")
    options = parser.parse_args()

    def wanted(case):
        return not options.case or any(word in case for word in options.case)

    for key in KEYS:
        if any(kind == key and wanted(case) for case, (kind, *_) in {**CASES, **OTHERS}.items()):
            run_cases(key, options, wanted)
    if wanted("idle connections"):
        compare_idle(options)
    if wanted("two workers"):
        measure_workers(options)


if __name__ == "__main__":
    sys.exit(main())
