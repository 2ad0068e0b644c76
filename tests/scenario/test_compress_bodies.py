"""Bodies of compressed responses: they arrive whole and in time, and nobody else waits for them."""
import os
import random
import threading
import zlib

from support.compressing import CODINGS, TEXT, Compressing, accept, decode, respond
from support.scenario import SANITIZED, TIMEOUT, eventually, main


class Bodies(Compressing):
    def test_pieces_of_a_slow_stream_arrive_when_they_are_sent(self):
        """The backend sends the next piece only once the client has decoded the last one."""
        go_on = threading.Semaphore(0)

        def script(connection, request):
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for n in range(5):
                if not go_on.acquire(timeout=TIMEOUT):
                    return
                line = b'{"piece": %d}\n' % n
                connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            connection.sendall(b"0\r\n\r\n")

        self.serve(script, compress={"types": ["application/x-ndjson"]})
        for coding in CODINGS:
            client = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            head = client.reader.until(b"\r\n\r\n")  # arrives before any piece
            self.assertIn(b"Content-Encoding: " + coding.encode(), head)
            stream, raw = zlib.decompressobj(31), b""
            for n in range(5):
                go_on.release()
                size = int(client.reader.until(b"\r\n"), 16)
                piece = client.reader.exactly(size)
                client.reader.exactly(2)
                raw += piece
                if coding == "gzip":
                    self.assertEqual(stream.decompress(piece), b'{"piece": %d}\n' % n)
            raw += client.reader.chunks()
            self.assertEqual(decode(coding, raw), b"".join(b'{"piece": %d}\n' % n for n in range(5)))

    def test_big_bodies_arrive_whole_and_the_connections_are_reused(self):
        words = [os.urandom(3).hex() for _ in range(500)]
        rng = random.Random(1)
        text = " ".join(rng.choice(words) for _ in range(500_000)).encode()
        bodies = {"/random": os.urandom(4 << 20), "/text": text, "/zeros": bytes(16 << 20)}

        def script(connection, request):
            target, _, how = request["target"].partition("?")
            body = bodies[target]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n"
            if how == "length":
                return connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if how == "chunked":
                connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(body), 100_000):
                    piece = body[at : at + 100_000]
                    connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                return connection.sendall(b"0\r\n\r\n")
            connection.sendall(head + b"Connection: close\r\n\r\n" + body)
            connection.close()

        self.serve(script)
        for coding in CODINGS:
            client = self.client(self.port)
            for target, body in bodies.items():
                for how in ("length", "chunked", "close"):
                    answer = client.get(f"{target}?{how}", extra=accept(coding))
                    self.assertEqual(answer["fields"]["content-encoding"], coding)
                    self.assertEqual(decode(coding, answer["body"]), body, (coding, target, how))
        self.assertLessEqual(len(self.seen.connections), 1 + 3 * 3)

    def test_a_truncated_body_does_not_look_complete(self):
        ways = {
            "/length": b"Content-Length: 100000\r\n\r\n" + TEXT,
            "/chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(TEXT), TEXT),
            "/malformed": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n" % (len(TEXT), TEXT),
        }
        go_on = threading.Event()

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n" + ways[request["target"][:-2]])
            if request["target"].endswith("?1"):
                go_on.wait(TIMEOUT)
            connection.close()

        self.serve(script)
        for coding in CODINGS:
            for target in ways:
                # The end comes with the data, or after the client has got some of it.
                for wait in (0, 1):
                    go_on.clear()
                    client = self.client(self.port)
                    client.send(f"GET {target}?{wait} HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
                    head = client.reader.until(b"\r\n\r\n")
                    go_on.set()
                    if b" 502 " not in head:  # weir had sent something
                        self.assertFalse(client.rest().endswith(b"0\r\n\r\n"), (coding, target, wait))

    def test_a_client_that_stops_reading_holds_up_no_other_one(self):
        body = os.urandom(8 << 20)
        self.serve(lambda connection, request: respond(connection, body, content_type="text/x"))
        for coding in CODINGS:
            stalled = self.client(self.port, receive_buffer=4096)
            stalled.send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            stalled.reader.until(b"\r\n\r\n")
            before = self.proxy.memory()
            self.assertEqual(decode(coding, self.ask(coding)["body"]), body)
            self.assertLess(self.proxy.memory() - before, 8 << 10)
            self.assertEqual(decode(coding, stalled.reader.chunks()), body)

    def test_a_client_that_leaves_frees_its_backend(self):
        ends = []

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 100000\r\n\r\n" + TEXT)
            ends.append(connection.recv(1))

        self.serve(script)
        for coding in CODINGS:
            ends.clear()
            client = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            client.reader.until(b"\r\n\r\n")
            client.close()
            eventually(lambda: ends == [b""], "the backend hears of the end")

    def test_a_large_response_does_not_keep_the_worker_from_others(self):
        body = os.urandom(64 << 10) * (64 if SANITIZED else 512)  # 4 or 32 MiB
        started = threading.Event()

        def script(connection, request):
            if request["target"] == "/small":
                return respond(connection, TEXT)
            started.set()
            respond(connection, body, content_type="text/x")

        self.serve(script, compress={"levels": {"gzip": 9}})
        heavy = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('gzip')}\r\n")
        result = []
        reader = threading.Thread(target=lambda: result.append(heavy.reader.response()))
        reader.start()
        self.addCleanup(reader.join)
        self.assertTrue(started.wait(TIMEOUT))
        client, served = self.client(self.port), 0
        while not result and served < 20:
            self.assertEqual(decode("gzip", client.get("/small", extra=accept("gzip"))["body"]), TEXT)
            served += 1
        self.assertEqual(served, 20)
        eventually(lambda: result, "the large response is whole")
        self.assertEqual(decode("gzip", result[0]["body"]), body)

    def test_many_long_responses_take_turns_and_arrive_whole(self):
        """Some of the clients leave while theirs is compressed, or while it waits for its turn."""
        body = os.urandom(64 << 10) * 32  # 2 MiB
        self.serve(lambda connection, request: respond(connection, body, content_type="text/x"))
        request = f"GET / HTTP/1.1\r\nHost: a\r\n{accept('gzip')}\r\n"
        clients = [self.client(self.port).send(request) for _ in range(16)]
        for client in clients[::2]:
            client.close()
        for client in clients[1::2]:
            self.assertEqual(decode("gzip", client.reader.response()["body"]), body)
        eventually(lambda: self.proxy.backends()[self.seen.address]["active"] == 0, "the others have ended")

    def test_encoders_use_a_bounded_amount_of_memory(self):
        """More streams than a worker has memory for are sent plain."""
        count = 140

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 100000\r\n\r\n" + TEXT)
            connection.recv(1)

        self.serve(script)
        streams = []
        for _ in range(count):
            streams.append(self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('br')}\r\n"))
        heads = [stream.reader.until(b"\r\n\r\n") for stream in streams]
        encoded = [b"Content-Encoding: br" in head for head in heads]
        self.assertEqual(sum(encoded), 128)
        for head in heads:
            self.assertIn(b"\r\nVary: Accept-Encoding", head)
        plain = streams[encoded.index(False)]
        self.assertEqual(plain.reader.exactly(len(TEXT)), TEXT)
        for stream in streams:
            stream.close()
        self.client(self.port)
        eventually(lambda: self.proxy.backends()[self.seen.address]["active"] == 0, "the streams have ended")
        again = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('br')}\r\n")
        self.assertIn(b"Content-Encoding: br", again.reader.until(b"\r\n\r\n"))


if __name__ == "__main__":
    main()
