#!/usr/bin/env python3
"""Loads a TLS proxy with what wrk cannot do; bench/tls.py and http2.py run it on the load
generator's core.

usage: tls_load.py full PORT SECONDS        connections with a full handshake and a request each, eight at a time
       tls_load.py resumed PORT SECONDS     the same with sessions that are resumed
       tls_load.py paced PORT SECONDS RATE  full handshakes at a rate per second
       tls_load.py idle PORT COUNT          connections with one request each, kept open until standard input ends
       tls_load.py idle_http2 PORT COUNT    the same with HTTP/2

wrk silently resumes sessions, so it cannot measure full handshakes.

Prints the number of connections that succeeded: with a 200 and, in full and resumed, the expected kind of handshake."""
import socket
import ssl
import sys
import threading
import time

REQUEST = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n"
# GET https://localhost/small in HPACK (RFC 7541), and the frames of RFC 9113 around it.
HTTP2_FIELDS = b"\x82\x87\x04\x06/small\x41\x09localhost"
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HTTP2_REQUEST = HTTP2_PREFACE + bytes([0, 0, len(HTTP2_FIELDS), 1, 5, 0, 0, 0, 1]) + HTTP2_FIELDS


def make_context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def connect(context, port, session=None):
    plain = socket.create_connection(("127.0.0.1", port), 10)
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def ask(secure):
    secure.sendall(REQUEST)
    return secure.recv(4096).startswith(b"HTTP/1.1 200")


def ask_http2(secure):
    """Returns true after the end of a response with 200."""
    secure.sendall(HTTP2_REQUEST + bytes([0, 0, 0, 4, 1, 0, 0, 0, 0]))  # with the acknowledgement of the settings
    reader, good = secure.makefile("rb"), False
    while header := reader.read(9):
        payload = reader.read(int.from_bytes(header[:3], "big"))
        if header[3] == 1:
            good = b"\x88" in payload[:6]  # :status 200, behind a change of the table's size at most
        if header[3] in (0, 1) and header[4] & 1:
            return good
    return False


def in_threads(count, run):
    """Runs a function with each number below `count` and returns the sum of the results."""
    results = [0] * count

    def keep(number):
        results[number] = run(number)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results)


def connections(port, seconds, resumes):
    context, end = make_context(), time.monotonic() + seconds

    def run(_):
        count, session = 0, None
        while time.monotonic() < end:
            with connect(context, port, session) as secure:
                count += ask(secure) and secure.session_reused == (session is not None)
                session = secure.session if resumes else None
        return count

    return in_threads(8, run)


def full(port, seconds):
    return connections(port, seconds, resumes=False)


def resumed(port, seconds):
    return connections(port, seconds, resumes=True)


def paced(port, seconds, rate):
    """Starts handshakes on a fixed schedule; if it falls behind, it catches up without pauses."""
    context, threads = make_context(), 4

    def run(number):
        count, start = int(seconds * rate / threads), time.monotonic() + number / rate
        for i in range(count):
            time.sleep(max(0, start + i * threads / rate - time.monotonic()))
            connect(context, port).close()
        return count

    return in_threads(threads, run)


def idle(port, count, context=None, send_request=ask):
    context = context or make_context()
    clients = [connect(context, port) for _ in range(count)]
    print(sum(send_request(client) for client in clients), flush=True)
    sys.stdin.read()


def idle_http2(port, count):
    context = make_context()
    context.set_alpn_protocols(["h2"])
    idle(port, count, context, ask_http2)


if __name__ == "__main__":
    mode, *numbers = sys.argv[1:]
    result = {"full": full, "resumed": resumed, "paced": paced, "idle": idle, "idle_http2": idle_http2}[mode](
        *(int(number) for number in numbers)
    )
    if result is not None:
        print(result)
