#!/usr/bin/env python3
"""Counts with valgrind how many instructions weir executes for a request, outside the kernel, and simulates cache
misses and mispredicted branches. The numbers hardly depend on the machine's load, so they show differences between two
builds that timings cannot show.

usage: ./dev bench instructions [--requests N] [--connections C] [--features] [WEIR]...

Without a WEIR, the release build is measured. Each build runs twice in front of the same backend, over C connections:
once for N requests, and once for 3 N. Half the difference in instructions is what N requests take, without the cost of
starting and stopping.

With --features, each feature of routes is measured with the first WEIR, in place of several builds. Compression is
measured by ./dev bench compress, and a password is hashed by another thread.

To compare the speed of two builds in interleaved rounds: ./dev bench --also WEIR."""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from bench import ROOT, WEIR, free_port, wait_for

REQUEST = (
    b"GET /small?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    b"Accept: */*\r\nAccept-Language: en\r\nCookie: session=0123456789abcdef\r\n"
    b"Authorization: Basic YW5uOnNlc2FtZQ==\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: test\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 128\r\n"
    b"Connection: keep-alive\r\n\r\n" + b"x" * 128
)


def serve(listener):
    """Runs a backend that answers every request with 128 bytes."""

    def one(connection):
        with connection:
            got = b""
            while piece := connection.recv(65536):
                got += piece
                while (end := got.find(b"\r\n\r\n")) >= 0:
                    got = got[end + 4 :]
                    connection.sendall(RESPONSE)

    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def ask(port, requests, connections):
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for _ in range(requests // connections):
        for client in clients:
            client.sendall(REQUEST)
        for client in clients:
            got = b""
            while not got.endswith(b"x" * 128):
                piece = client.recv(65536)
                assert piece, "weir has closed"
                got += piece
            assert got.startswith(b"HTTP/1.1 200"), got
    for client in clients:
        client.close()


EVENTS = {
    "Ir": "instructions",
    "I1mr": "misses of the instruction cache",
    "D1mr": "of reads",
    "D1mw": "of writes",
    "Bcm": "mispredicted branches",
}


BLOCKS = [f"10.{i // 256}.{i % 256}.0/24" for i in range(10_000)]

# What each feature of a route adds to the configuration: keys of the only route, and keys of the listener.
FEATURES = {
    "no route": (None, ""),
    "a route": ({}, ""),
    "match: 1,000 other routes": ({"others": 1000}, ""),
    "match.headers, query, methods": (
        {"match": {"headers": {"Accept": "*"}, "query": {"a": "b"}, "methods": ["GET"]}},
        "",
    ),
    "match.path_regex": ({"match": {"path_regex": "^/sm[a-z]+$"}}, ""),
    "access: 10,000 blocks": ({"access": {"deny": BLOCKS}}, ""),
    "rewrite: strip_prefix, add_prefix": ({"rewrite": {"strip_prefix": "/small", "add_prefix": "/api"}}, ""),
    "rewrite: regex": ({"rewrite": {"regex": "^/small(.*)", "replace": "/api$1"}}, ""),
    "rewrite: query, set 1": ({"rewrite": {"query": {"set": {"a": "c"}}}}, ""),
    "rewrite: map_back (nothing to map)": ({"rewrite": {"add_prefix": "/api", "map_back": True}}, ""),
    "request_headers: set 1": ({"request_headers": {"set": {"X-Client": "{client_ip}"}}}, ""),
    "response_headers: set 1, remove 1": ({"response_headers": {"set": {"X-A": "b"}, "remove": ["Server"]}}, ""),
    "split by cookie": ({"split": {"web": "95%", "other": "5%"}, "split_by": "cookie:session"}, ""),
    "rate_limit": ({"rate_limit": {"rate": "1000000/s", "burst": 1000000}}, ""),
    "basic_auth, a known password": ({"basic_auth": {"users_file": "{d}/users"}}, ""),
    "concurrency_limit": ({"concurrency_limit": {"max": 1000}}, ""),
    "forward_auth": ({"forward_auth": {"pool": "other", "path": "/verify"}}, ""),
    "mirror, every request": ({"mirror": {"pool": "other"}}, ""),
    "buffer_requests (no body)": ({"buffer_requests": True, "body_size": "1MiB"}, ""),
    "request_id": (None, ", request_id: true"),
    "traceparent": (None, ", traceparent: true"),
    "error_pages (no error)": ({"error_pages": {"5xx": "{d}/error.html"}}, ""),
    "compress (not accepted)": ({"compress": {}}, ""),
}


def routes_of(feature, d):
    """Returns the lines of a configuration with this feature."""
    if feature is None:
        return ""
    route = {"name": "measured", **feature}
    others = [
        {"match": {"hosts": [f"h{i}.example"], "path_prefix": f"/p{i}"}, "pool": "web"}
        for i in range(route.pop("others", 0))
    ]
    if "split" not in route:
        route["pool"] = "web"
    return "routes: " + json.dumps([*others, route]).replace("{d}", d) + "\n"


def write_files(d):
    """Writes the files that features name."""
    with open(f"{d}/users", "w") as f:
        hashed = subprocess.run(["openssl", "passwd", "-6", "sesame"], capture_output=True, text=True, check=True)
        f.write(f"ann:{hashed.stdout}")
    with open(f"{d}/error.html", "w") as f:
        f.write("<p>Sorry.</p>")


def count(weir, backend, requests, connections, feature=(None, "")):
    """Returns the totals of a complete run with this many requests, by the names of callgrind's events."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as d:
        port = free_port()
        route, listener_keys = feature
        write_files(d)
        with open(f"{d}/weir.yaml", "w") as f:
            text = re.sub(
                "    health_check:.*\n",
                "",
                WEIR.format(d=d, a=backend, b=backend, port=port, admin=free_port(), tls=listener_keys),
            ).replace(f'"127.0.0.1:{backend}", "127.0.0.1:{backend}"', f'"127.0.0.1:{backend}"')
            text = text.replace("process:", f'  other: {{backends: ["127.0.0.1:{backend}"]}}\nprocess:')
            f.write(text + routes_of(route, d))
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes"]
            + [f"--callgrind-out-file={d}/profile", weir, "run", "-c", f"{d}/weir.yaml"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(port)
        ask(port, requests, connections)
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
        names = re.search(r"Events    : (.+)", said)[1].split()
        return dict(zip(names, map(int, re.search(r"Collected : ([\d ]+)", said)[1].split())))


def main():
    parser = argparse.ArgumentParser(description="instructions for a request")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("weir", nargs="*", default=[os.environ.get("WEIR", f"{ROOT}/build/release/weir")])
    parser.add_argument("--features", action="store_true", help="measure each feature of routes")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    runs = [(weir, weir, (None, "")) for weir in options.weir]
    if options.features:
        runs = [(name, options.weir[0], feature) for name, feature in FEATURES.items()]
    first = None
    for name, weir, feature in runs:
        few, many = (
            count(weir, listener.getsockname()[1], n * options.requests, options.connections, feature) for n in (1, 3)
        )
        each = {kind: (many[event] - few[event]) / (2 * options.requests) for event, kind in EVENTS.items()}
        taken = each.pop("instructions")
        first = first or taken
        misses = ", ".join(f"{number:.0f} {kind}" for kind, number in each.items())
        print(
            f"{name}: {taken:.0f} instructions a request, {taken - first:+.0f}, {taken / first:.4f} times the first; "
            f"{misses}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
