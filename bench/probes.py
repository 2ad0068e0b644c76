"""Measures how evenly probes are spread over time: N backends (1000 by default) are probed once a second each, and the
probes are counted as they arrive.

usage: ./dev bench probes [BACKENDS] [SECONDS]

Fails if any second has more than 1.2 times the mean."""
import collections
import os
import selectors
import socket
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from support.scenario import Weir, free_port  # noqa: E402


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    listener = socket.socket()  # listens on every loopback address: each backend has its own
    port = free_port()
    listener.bind(("0.0.0.0", port))
    listener.listen(4096)
    listener.setblocking(False)
    listed = ", ".join(f'"127.1.{i // 250}.{i % 250 + 1}:{port}"' for i in range(count))
    weir = Weir(
        f"""listeners: {{web: {{address: "127.0.0.1:{free_port()}", pool: web}}}}
pools:
  web:
    health_check: {{type: tcp, interval: 1s, timeout: 900ms}}
    backends: [{listed}]
"""
    )
    seen = collections.Counter()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        begin = time.monotonic()
        while time.monotonic() - begin < seconds + 2:
            selector.select(0.1)
            try:
                while True:
                    listener.accept()[0].close()
                    seen[int(time.monotonic() - begin)] += 1
            except BlockingIOError:
                pass
    weir.close()
    whole = [seen[s] for s in range(1, seconds + 1)]
    mean = sum(whole) / len(whole)
    print(
        f"{count} backends, one probe a second each, for {seconds} s: {min(whole)} to {max(whole)} a second, "
        f"mean {mean:.0f}, most {max(whole) / mean:.3f} times that"
    )
    sys.exit(max(whole) > 1.2 * mean)


if __name__ == "__main__":
    main()
