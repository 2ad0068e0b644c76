#!/usr/bin/env python3
"""Loads a TLS proxy with what wrk cannot do; bench/tls.py runs it on the load generator's core.

usage: tls_load.py resumed PORT SECONDS     connections that resume a session, one after the other, with a request each
       tls_load.py paced PORT SECONDS RATE  full handshakes at a rate per second
       tls_load.py idle PORT COUNT          connections with one request each, kept open until standard input ends

Prints the number of connections that did as they should."""
import socket
import ssl
import sys
import threading
import time

REQUEST = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n"


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


def resumed(port, seconds):
    context, count, end = make_context(), 0, time.monotonic() + seconds
    with connect(context, port) as first:
        ask(first)
        session = first.session
    while time.monotonic() < end:
        with connect(context, port, session) as secure:
            count += ask(secure) and secure.session_reused
            session = secure.session
    return count


def paced(port, seconds, rate):
    """Four threads, because each waits for the proxy. A handshake that is late is not made up for."""
    context, counts = make_context(), [0] * 4

    def run(number):
        start = time.monotonic() + number / rate
        for i in range(int(seconds * rate / len(counts))):
            time.sleep(max(0, start + i * len(counts) / rate - time.monotonic()))
            connect(context, port).close()
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def idle(port, count):
    context = make_context()
    connections = [connect(context, port) for _ in range(count)]
    print(sum(ask(secure) for secure in connections), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    mode, *numbers = sys.argv[1:]
    result = {"resumed": resumed, "paced": paced, "idle": idle}[mode](*(int(number) for number in numbers))
    if result is not None:
        print(result)
