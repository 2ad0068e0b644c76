#!/usr/bin/env python3
"""Measures the compression of responses in weir and nginx side by side, with gzip at the same level, and weir's brotli
and zstd at their default levels. As in bench.py, each has one worker on one core, the load generator and the origin
have the other core, and rounds are interleaved.

usage: ./dev bench compress [--rounds N] [--seconds S] [--connections C] [--level L]

The bodies are text: weir's own documents and sources. CPU is the user and system time of a proxy's processes, divided
by the number of requests that it answered; "plain" is the same without compression. "ratio" is the size of the body as
it was sent, divided by its size."""
import argparse
import glob
import http.client
import os
import statistics
import sys
import tempfile

from bench import LOAD_CORE, NGINX, ORIGIN, PROXY_CORE, ROOT, WEIR, Stage, free_port, measure, wait_for

NGINX_GZIP = "gzip on; gzip_comp_level {level}; gzip_proxied any; gzip_types text/plain; gzip_min_length 1024;"
WEIR_ROUTE = "routes: [{{pool: web, compress: {{levels: {{gzip: {level}}}}}}}]\n"
SIZES = {"4 KiB": 4 << 10, "64 KiB": 64 << 10, "512 KiB": 512 << 10}
# What is measured: the proxy, and the encoding that the client accepts.
CASES = (
    ("nginx", "identity"),
    ("weir", "identity"),
    ("nginx", "gzip"),
    ("weir", "gzip"),
    ("weir", "br"),
    ("weir", "zstd"),
)


class CompressStage(Stage):
    """One origin, and nginx and weir in front of it."""

    def __init__(self, level):
        self.d = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.d, 0o755)
        self.processes, self.proxies = [], {}
        user = "user root;" if os.getuid() == 0 else ""
        text = b"".join(open(path, "rb").read() for path in sorted(glob.glob(f"{ROOT}/docs/*.md")))
        text += b"".join(open(path, "rb").read() for path in sorted(glob.glob(f"{ROOT}/proxy/*/*.cpp")))
        for size in SIZES.values():
            with open(f"{self.d}/{size}", "wb") as f:
                f.write(text[:size])
        origin = free_port()
        self.write("origin0.conf", ORIGIN.format(d=self.d, n=0, port=origin, body="x", user=user))
        self.run(LOAD_CORE, "nginx", "-c", f"{self.d}/origin0.conf", "-p", self.d)
        wait_for(origin)
        values = dict(d=self.d, a=origin, b=origin, user=user, admin=free_port(), log=free_port(), ssl="")
        weir = WEIR.replace(', "127.0.0.1:{b}"', "") + WEIR_ROUTE
        for name, config, extra, command in (
            ("nginx", NGINX, NGINX_GZIP.format(level=level), ["nginx", "-p", self.d, "-c"]),
            ("weir", weir, "", [os.environ.get("WEIR", f"{ROOT}/build/release/weir"), "run", "-c"]),
        ):
            port = free_port()
            self.write(f"{name}.conf", config.format(port=port, tls=extra, level=level, **values))
            self.proxies[name] = (self.run(PROXY_CORE, *command, f"{self.d}/{name}.conf"), port)
            wait_for(port)


def sent_size(port, path, encoding):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Accept-Encoding": encoding})
    response = connection.getresponse()
    if response.headers.get("Content-Encoding", "identity") != encoding:
        sys.exit(f"{encoding} was asked for, {response.headers} came")
    size = len(response.read())
    connection.close()
    return size


def report(title, size, results, ratios):
    def median(case, key):
        return statistics.median(r[key] for r in results[case])

    print(f"\n{title} of text; medians of {len(results[CASES[0]])} interleaved rounds")
    print(f"{'':16}{'requests/s':>12}{'CPU µs/req':>12}{'- plain':>10}{'MB/s':>8}{'p99 ms':>9}{'ratio':>8}")
    for case in CASES:
        name, encoding = case
        own = median(case, "us") - median((name, "identity"), "us")
        bad = sum(r["bad"] for r in results[case])
        print(
            f"{name:6}{encoding:10}{median(case, 'rps'):12.0f}{median(case, 'us'):12.1f}{own:10.1f}"
            + (f"{size / own:8.0f}" if own > 0 else f"{'':8}")
            + f"{median(case, 'p99'):9.2f}{ratios[case]:8.3f}"
            + (f"  {bad} failed" if bad else "")
        )
    pairs = zip(results["weir", "gzip"], results["nginx", "gzip"])
    share = statistics.median(w["us"] / n["us"] for w, n in pairs)
    print(f"weir's gzip costs {share:.2f} × that of nginx", flush=True)


def main():
    parser = argparse.ArgumentParser(description="compression in weir beside nginx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--level", type=int, default=5, help="of gzip")
    options = parser.parse_args()
    stage = CompressStage(options.level)
    try:
        for title, size in SIZES.items():
            results, ratios = {case: [] for case in CASES}, {}
            for case in CASES:
                ratios[case] = sent_size(stage.proxies[case[0]][1], f"/{size}", case[1]) / size
            for _ in range(options.rounds):
                for name, encoding in CASES:
                    pid, port = stage.proxies[name]
                    headers = ["-H", f"Accept-Encoding: {encoding}"]
                    measured = measure(pid, port, f"/{size}", options.connections, options.seconds, headers)
                    results[name, encoding].append(measured)
            report(title, size, results, ratios)
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
