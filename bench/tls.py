#!/usr/bin/env python3
"""Measures TLS in weir, nginx and HAProxy side by side, with the same certificate (P-256), TLS 1.3 and AES-128-GCM. As
in bench.py, each has one worker on one core, the load generator has the other core, and rounds are interleaved.

usage: ./dev bench tls [--rounds N] [--seconds S] [--connections C]

CPU is the user and system time of a proxy's processes, divided by the number of requests that it answered. With
"handshakes", each request makes a new connection with a full handshake."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from bench import HAPROXY, LOAD_CORE, NGINX, ORIGIN, PROXY_CORE, ROOT, WEIR, Stage, free_port, measure, wait_for

# What each configuration of bench.py adds.
NGINX_TLS = (
    "ssl_certificate {d}/both.pem; ssl_certificate_key {d}/both.pem; ssl_protocols TLSv1.3;"
    " ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_ecdh_curve X25519;"
)
HAPROXY_TLS = "ssl crt {d}/both.pem ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519"
WEIR_TLS = ", tls: {{certificates: [{{cert: {d}/both.pem, key: {d}/both.pem}}]}}"
CASES = {
    "128 B over kept connections": ("/small", []),
    "1 MiB over kept connections": ("/large", []),
    "handshakes": ("/small", ["-H", "Connection: close"]),
}


class TlsStage(Stage):
    """One origin, and the three proxies in front of it."""

    def __init__(self):
        self.d = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.d, 0o755)
        self.processes, self.proxies = [], {}
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{self.d}/large", "wb") as f:
            f.write(os.urandom(1 << 20))
        self.make_certificate()
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
            self.write(f"{name}.conf", text.format(port=port, tls=tls.format(d=self.d), **values))
            self.proxies[name] = (self.run(PROXY_CORE, *command, f"{self.d}/{name}.conf"), port)
            wait_for(port)

    def make_certificate(self):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{self.d}/key.pem"]
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


def report(case, results):
    print(f"\n{case}; medians of {len(results['weir'])} rounds")
    print(f"{'':10}{'requests/s':>12}{'CPU µs/req':>12}{'user':>9}{'system':>9}{'p99 ms':>9}{'× weir':>9}")
    for name, rounds in results.items():

        def median(key):
            return statistics.median(r[key] for r in rounds)

        ratio = statistics.median(r["us"] / w["us"] for r, w in zip(rounds, results["weir"]))
        bad = sum(r["bad"] for r in rounds)
        print(
            f"{name:10}{median('rps'):12.0f}{median('us'):12.2f}{median('user'):9.2f}{median('system'):9.2f}"
            f"{median('p99'):9.2f}{ratio:9.2f}" + (f"  {bad} failed" if bad else "")
        )
    share = statistics.median(
        w["us"] / min(n["us"], h["us"]) for w, n, h in zip(results["weir"], results["nginx"], results["haproxy"])
    )
    print(f"weir costs {share:.2f} × the better of nginx and HAProxy", flush=True)


def main():
    parser = argparse.ArgumentParser(description="TLS in weir beside nginx and HAProxy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    stage = TlsStage()
    try:
        for case, (path, headers) in CASES.items():
            results = {name: [] for name in stage.proxies}
            for _ in range(options.rounds):
                for name, (pid, port) in stage.proxies.items():
                    results[name].append(
                        measure(pid, port, path, options.connections, options.seconds, headers, scheme="https")
                    )
            report(case, results)
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
