"""Measures how long a reload of many backends takes, how long it holds up a worker, and whether it leaks memory.

usage: ./dev bench reload [RELOADS]      100 pools of 100 backends each, 50 reloads by default
"""
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "scenario"))
os.environ.setdefault(
    "WEIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "release", "weir")
)
from support.scenario import Client, Weir, free_port  # noqa: E402

POOLS, BACKENDS = 100, 100


def config(port, round_):
    """Every tenth backend of every pool changes its weight; every fifth round, one pool in ten has other backends."""
    lines = [f'listeners: {{web: {{address: "127.0.0.1:{port}", pool: p0}}}}', "pools:"]
    for p in range(POOLS):
        net = 128 + p % 100 if round_ % 5 == 0 and p % 10 == 9 else p
        lines += [f"  p{p}:", "    health_check: {type: tcp, interval: 60s}", "    backends:"]
        lines += [
            f'      - {{name: b{b}, address: "127.{net}.{b}.1:9", weight: {1 + round_ % 7 if b % 10 == 0 else 1}}}'
            for b in range(BACKENDS)
        ]
    return "\n".join(lines) + "\n"


def main():
    reloads = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    port = free_port()
    weir = Weir(config(port, 0))
    took, memory = [], []
    try:
        for i in range(1, reloads + 1):
            report = weir.reload(config(port, i))
            assert report["verdict"] == "applied", json.dumps(report)[:300]
            took.append(report["took_ms"])
            memory.append(weir.memory())
        with Client(port) as client:  # weir still serves
            assert client.get("/")["status"] in (502, 503, 504)
        stall = weir.metrics()["weir_worker_longest_adoption_seconds"] * 1000
    finally:
        weir.close()
    half = memory[len(memory) // 2 :]
    print(
        f"{POOLS * BACKENDS} backends in {POOLS} pools, {reloads} reloads: load, validate, plan and apply took "
        f"{statistics.median(took):.0f} ms (median), {max(took)} ms (most)"
    )
    print(f"a worker was kept for {stall:.1f} ms at most, the first configuration included")
    print(f"memory: {memory[0]} KiB after the first, {half[0]} KiB half way, {half[-1]} KiB at the end")


if __name__ == "__main__":
    main()
