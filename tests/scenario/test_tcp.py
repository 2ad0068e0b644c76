"""TCP through weir: the bytes arrive unchanged."""
import hashlib
import os
import random
import select
import socket
import struct
import threading
import time

from support.scenario import SANITIZED, Scenario, eventually, free_port, main

CONFIG = """
listeners:
  tcp: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}
pools:
  db: {{backends: [{backends}], timeouts: {{tunnel: {tunnel}, stream_idle: {stream_idle}}}}}
"""


class Relay(Scenario):
    def proxy(self, *backends, tunnel="1h", stream_idle="5m", workers=2, more=""):
        port = free_port()
        listed = ", ".join(f'"127.0.0.1:{b if isinstance(b, int) else b.port}"' for b in backends)
        self.running = self.weir(
            CONFIG.format(port=port, backends=listed, tunnel=tunnel, stream_idle=stream_idle) + more, workers=workers
        )
        return port

    def test_a_gibibyte_of_random_chunks_arrives_whole(self):
        total = (64 if SANITIZED else 1024) << 20
        received = {}

        def script(connection):
            digest, size, buffer = hashlib.blake2b(), 0, bytearray(1 << 20)
            while count := connection.recv_into(buffer):
                digest.update(memoryview(buffer)[:count])
                size += count
            received["digest"], received["size"] = digest.digest(), size
            connection.sendall(digest.digest())

        client = self.client(self.proxy(self.raw_backend(script)))
        pool, digest, left = os.urandom(4 << 20), hashlib.blake2b(), total
        while left:
            size = min(left, random.randint(1, 1 << 20))
            start = random.randint(0, len(pool) - size)
            piece = memoryview(pool)[start : start + size]
            digest.update(piece)
            client.sock.sendall(piece)
            left -= size
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), digest.digest())
        self.assertEqual(received["size"], total)

    def test_each_direction_closes_for_itself(self):
        def answer_after_the_end(connection):
            question = b""
            while data := connection.recv(1000):
                question += data
            connection.sendall(question.upper())

        client = self.client(self.proxy(self.raw_backend(answer_after_the_end)))
        client.send("question")
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"QUESTION")

        heard = []

        def stop_speaking_first(connection):
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(1000):
                heard.append(data)

        client = self.client(self.proxy(self.raw_backend(stop_speaking_first)))
        self.assertEqual(client.rest(), b"hello")
        client.send("still here")
        eventually(lambda: b"".join(heard) == b"still here", "the backend hears it")

    def test_a_reset_on_one_side_resets_the_other(self):
        ended = []

        def wait_for_the_end(connection):
            try:
                while connection.recv(1000):
                    pass
                ended.append("closed")
            except ConnectionResetError:
                ended.append("reset")

        client = self.client(self.proxy(self.raw_backend(wait_for_the_end)))
        client.send("x")
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        eventually(lambda: ended == ["reset"], "the backend sees the reset")

    def test_what_a_backend_sent_before_its_reset_arrives(self):
        def answer_and_leave(connection):
            connection.recv(1)  # the rest stays unread, so that the close is a reset
            connection.sendall(bytes(40_000))  # as much as a new connection takes at once

        for _ in range(5):
            client = self.client(self.proxy(self.raw_backend(answer_and_leave), workers=1))
            client.send("question")
            self.assertEqual(len(client.rest()), 40_000)
            self.running.stop()

    def test_bytes_sent_after_the_backends_end_lose_nothing_of_its_answer(self):
        client = self.client(self.proxy(self.raw_backend(lambda connection: connection.sendall(bytes(60_000)))))
        end = select.poll()
        end.register(client.sock, select.POLLRDHUP)
        self.assertTrue(end.poll(20000), "the end has come, and nothing has been read")
        client.send("QUIT")  # the backend's kernel answers it with a reset
        self.assertEqual(len(client.rest()), 60_000)

    def test_a_silent_connection_ends_at_its_time(self):
        client = self.client(self.proxy(self.raw_backend(lambda connection: connection.recv(1)), tunnel="300ms"))
        self.assertEqual(client.rest(), b"")

    def test_half_a_connection_may_be_silent_for_stream_idle_and_no_longer(self):
        ends = []

        def say_nothing(connection):
            ends.append("heard the end" if connection.recv(1) == b"" else "data")
            poll = select.poll()
            poll.register(connection, 0)  # only errors and resets
            ends.append("cut" if poll.poll(30000) else "nothing")

        client = self.client(self.proxy(self.raw_backend(say_nothing), stream_idle="1s"))
        began = time.monotonic()
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"")
        self.assertGreater(time.monotonic() - began, 0.9)
        eventually(lambda: ends == ["heard the end", "cut"], "both ends are over")
        eventually(
            lambda: self.running.metrics()['weir_connections_active{listener="tcp"}'] == 0, "weir has forgotten it"
        )

    def test_a_silent_client_is_closed_after_its_backend_has_finished(self):
        port = self.proxy(
            self.raw_backend(lambda connection: (connection.shutdown(socket.SHUT_WR), connection.recv(1))),
            stream_idle="1s",
        )
        client = self.client(port)
        self.assertEqual(client.rest(), b"")  # the backend has shut down its sending side
        eventually(
            lambda: self.running.metrics()['weir_connections_active{listener="tcp"}'] == 0, "weir has ended the rest"
        )

    def test_a_half_closed_connection_lives_while_bytes_move(self):
        def drip(connection):
            connection.recv(1)
            for _ in range(40):  # twice as long as silence may be
                connection.sendall(b"x")
                time.sleep(0.1)

        client = self.client(self.proxy(self.raw_backend(drip), stream_idle="2s"))
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"x" * 40)

    def test_a_whole_connection_may_be_silent_for_longer_than_stream_idle(self):
        def answer_late(connection):
            connection.recv(1)
            time.sleep(1.5)  # three times stream_idle
            connection.sendall(b"late")

        client = self.client(self.proxy(self.raw_backend(answer_late), stream_idle="500ms"))
        self.assertEqual(client.send("x").rest(), b"late")

    def test_another_backend_is_tried_when_one_refuses(self):
        port = self.proxy(free_port(), self.raw_backend(lambda connection: connection.sendall(b"hi")), workers=1)
        for _ in range(4):
            self.assertEqual(self.client(port).rest(), b"hi")

    def test_a_budget_of_nothing_turns_retries_off(self):
        answering = self.raw_backend(lambda connection: connection.sendall(b"hi"))
        port = self.proxy(free_port(), answering, workers=1, more="retries: {budget: 0%}\n")
        self.assertEqual(self.client(port).rest(), b"")
        self.assertEqual(self.client(port).rest(), b"hi")
        self.assertEqual(self.running.metrics()["weir_retries_refused_total"], 1)

    def test_a_fast_sender_and_a_receiver_that_stalls_hold_memory_flat(self):
        release = threading.Event()
        self.addCleanup(release.set)
        port = self.proxy(self.raw_backend(lambda connection: release.wait(60)))
        before = self.running.memory()
        client = self.client(port)
        client.sock.settimeout(0.5)
        sent = 0
        try:
            while sent < 256 << 20:
                sent += client.sock.send(bytes(1 << 20))
        except TimeoutError:
            pass
        self.assertLess(sent, 64 << 20)
        if not SANITIZED:
            self.assertLess(self.running.memory() - before, 4096)


if __name__ == "__main__":
    main()
