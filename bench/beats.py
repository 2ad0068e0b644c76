"""Measures what push heartbeats cost: N backends (1000 by default) each send one heartbeat a second over a kept
connection.

usage: ./dev bench beats [BACKENDS] [SECONDS]
"""
import hashlib
import hmac
import json
import os
import select
import socket
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/tests/scenario")
os.environ.setdefault("WEIR", f"{ROOT}/build/release/weir")
from support.scenario import Weir, free_port  # noqa: E402

TOKEN = b"a token that is hard to guess"


def request(backend, sequence):
    at = int(time.time() * 1000)
    text = f"web\n{backend}\n{sequence}\n{at}\n0\n0\n".encode()
    body = json.dumps(
        {
            "pool": "web",
            "backend": backend,
            "sequence": sequence,
            "time": at,
            "signature": hmac.new(TOKEN, text, hashlib.sha256).hexdigest(),
        }
    )
    return f"POST /api/v1/beat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def cpu(pid):
    """Returns the CPU seconds of all threads, from the scheduler's counters: clock ticks would miss short runs."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.NamedTemporaryFile("w") as token:
        token.write(TOKEN.decode() + "\n")
        token.flush()
        listed = "".join(f'      - {{name: b{i}, address: "127.1.{i // 250}.{i % 250 + 1}:9"}}\n' for i in range(count))
        weir = Weir(
            f"""listeners: {{web: {{address: "127.0.0.1:{free_port()}", pool: web}}}}
pools:
  web:
    health_check: {{type: heartbeat, mode: push, interval: 1s, fall: 3, token_file: {token.name}}}
    backends:
{listed}"""
        )
        try:
            senders = [socket.create_connection(("127.0.0.1", weir.admin_port)) for _ in range(count)]
            ready = select.epoll()
            for sender in senders:
                ready.register(sender, select.EPOLLIN)
            names = {sender.fileno(): sender for sender in senders}
            begin, used, answered = time.monotonic(), None, 0

            def take_answers(until):
                """Reads answers as they arrive: backends do not wait for each other. Returns how many it read."""
                taken = 0
                for number, _ in ready.poll(max(0.0, until - time.monotonic())):
                    answer = names[number].recv(4096)
                    assert answer.startswith(b"HTTP/1.1 200"), answer
                    taken += 1
                return taken

            for beat in range((seconds + 3) * count):
                second, i = divmod(beat, count)
                while time.monotonic() < begin + beat / count:  # spread over the second
                    answered += take_answers(begin + beat / count)
                if second == 3 and i == 0:
                    used = cpu(weir.process.pid)
                senders[i].sendall(request(f"b{i}", second + 1))
            while answered < (seconds + 3) * count:
                taken = take_answers(time.monotonic() + 5)
                assert taken, f"{answered} beats were answered"
                answered += taken
            took = cpu(weir.process.pid) - used
            idle = cpu(weir.process.pid)
            time.sleep(2)
            idle = (cpu(weir.process.pid) - idle) / 2
        finally:
            weir.close()
    print(
        f"{count} backends, one beat a second each, for {seconds} s: {100 * took / seconds:.2f} % of a core, "
        f"{1e6 * took / seconds / count:.1f} µs a beat (without beats: {100 * idle:.2f} %)"
    )


if __name__ == "__main__":
    main()
