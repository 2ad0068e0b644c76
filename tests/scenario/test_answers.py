"""Responses of backends: no malformed response reaches a client as if it were well-formed."""
import socket
import threading

from support.scenario import Client, Scenario, eventually, free_port, main, web


class Answers(Scenario):
    """Responses, well-formed and malformed, and what the client gets."""

    def ask(self, answer, request="GET / HTTP/1.1\r\nHost: a\r\n\r\n", then_close=True):
        def script(connection, _):
            connection.sendall(answer.encode("latin-1"))
            if then_close:
                connection.shutdown(socket.SHUT_RDWR)

        self.seen.script = script
        self.last = self.client(self.port)
        self.last.send(request)
        return self.last.reader.response(request.split(" ")[0])

    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], more="retries: {attempts: 1}"))

    def test_a_body_that_ends_with_the_connection_is_chunked_for_the_client(self):
        answer = self.ask("HTTP/1.1 200 OK\r\n\r\nall of it")
        self.assertEqual((answer["body"], answer["fields"]["transfer-encoding"]), (b"all of it", "chunked"))
        answer = self.ask("HTTP/1.1 200 OK\r\n\r\nall of it", "GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(answer["body"], b"all of it")

    def test_head_204_and_304_have_no_body(self):
        self.assertEqual(
            self.ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")["fields"][
                "content-length"
            ],
            "5",
        )
        for status in ("204 No Content", "304 Not Modified"):
            self.ask(f"HTTP/1.1 {status}\r\n\r\n")
            self.seen.script = self.seen.echo
            self.assertEqual(self.last.get("/next")["body"], b"b /next")

    def test_chunks_are_rewritten_canonically(self):
        self.assertEqual(
            self.ask(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n02\r\nde\r\n0\r\nT: u\r\n\r\n"
            )["body"],
            b"abcde",
        )

    def test_interim_answers_pass_and_a_flood_of_them_is_502(self):
        self.seen.script = lambda c, r: c.sendall(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        )
        client = self.client(self.port)
        self.assertEqual(client.get("/")["status"], 103)
        self.assertEqual(client.reader.response()["body"], b"ok")
        self.seen.script = lambda c, r: c.sendall(
            b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        )
        client = self.client(self.port)
        statuses = [client.get("/")["status"]]
        while statuses[-1] < 200:
            statuses.append(client.reader.response()["status"])
        self.assertEqual((statuses[-1], len(statuses) < 50), (502, True))

    def test_an_answer_that_is_not_http_or_has_two_readings_is_502(self):
        ok = "HTTP/1.1 200 OK\r\n"
        for nonsense in (
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            ok + "Content-Length: 0\n\r\n",
            ok + "A: b\r c\r\n\r\n",
            ok + "A: b\r\n c\r\n\r\n",
            ok + " A: b\r\n\r\n",
            ok + "A : b\r\n\r\n",
            ok + "A\r\n\r\n",
            ok + ": b\r\n\r\n",
            ok + "A: \0\r\n\r\n",
            ok + "A\0: b\r\n\r\n",
            ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
            ok + "Content-Length: +1\r\n\r\na",
            ok + "Content-Length: 1, 2\r\n\r\na",
            ok + "Content-Length: 1,\r\n\r\na",
            ok + "Content-Length: \r\n\r\n",
            ok + "Content-Length: 18446744073709551617\r\n\r\na",
            ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: \r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ok + "A: " + "b" * 20000 + "\r\n\r\n",
            ok + "A: b\r\n" * 101 + "\r\n",
            ok + "A: " + "b" * 200000,
            "HTTP/1.1 99 Low\r\n\r\n",
            "HTTP/1.1 600 High\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 20x OK\r\n\r\n",
            "HTTP/1.1 -200 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.1\t200 OK\r\n\r\n",
            "HTTP/1.1200 OK\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 O\0K\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n",
            "",
        ):
            with self.subTest(nonsense=nonsense[:60]):
                answer = self.ask(nonsense)
                while answer["status"] == 100:
                    answer = self.last.reader.response()
                self.assertEqual(answer["status"], 502)
        self.assertEqual(self.proxy.backends()[self.seen.address]["idle"], 0)

    def test_silence_is_504(self):
        self.port = free_port()
        self.weir(web(self.port, [self.seen], more="timeouts: {response: 700ms}\nretries: {attempts: 1}"))
        self.assertEqual(self.ask("", then_close=False)["status"], 504)
        self.assertEqual(self.ask("HTTP/1.1 200 OK\r\nConte", then_close=False)["status"], 504)

    def test_what_goes_wrong_after_the_head_aborts_the_answer(self):
        chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (
            "5\r\nhelloXX\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n-1\r\n\r\n",
            "5\nhello\n0\n\n",
            "5\r\nhello\r\n0\r\nX\0\r\n\r\n",
            "5;" + "a" * 20000 + "\r\nhello\r\n0\r\n\r\n",
            "1" * 17 + "\r\n",
        ):
            self.seen.script = lambda connection, _, text=chunked + body: connection.sendall(text.encode())
            with Client(self.port) as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                data = client.rest()
            if len(body) < 1000:  # it arrives with the head, before anything is forwarded
                self.assertTrue(data.startswith(b"HTTP/1.1 502 "), (body[:40], data))
            self.assertFalse(data.endswith(b"0\r\n\r\n"), body[:40])
            self.assertNotIn(b"XX", data)
        self.assertEqual(self.proxy.backends()[self.seen.address]["idle"], 0)

    def test_an_answer_that_breaks_off_never_looks_complete(self):
        for answer in (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ):
            self.seen.script = lambda connection, _, text=answer: (
                connection.sendall(text.encode()),
                connection.shutdown(socket.SHUT_RDWR),
            )
            client = self.client(self.port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            data = client.rest()
            body = data.partition(b"\r\n\r\n")[2]
            self.assertFalse(body.endswith(b"0\r\n\r\n"))
            self.assertLess(len(body), 10)

    def test_surplus_bytes_do_not_answer_the_next_request(self):
        evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        for method, answer, body in (
            ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
            ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
            ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n", b""),
            ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", b""),
        ):
            for later in (False, True):  # in the same packet, or when the connection has become idle

                def script(connection, _):
                    connection.sendall(answer if later else answer + evil)
                    if later:
                        eventually(lambda: self.proxy.backends()[self.seen.address]["idle"] >= 1, "it is idle")
                        connection.sendall(evil)
                        sent.set()

                self.seen.script, sent = script, threading.Event()
                client = self.client(self.port)
                before = len(self.seen.connections)
                for _ in range(3):
                    self.assertEqual(client.get("/", method=method)["body"], body)
                    if later:
                        self.assertTrue(sent.wait(20))
                        sent.clear()
                        eventually(lambda: self.proxy.backends()[self.seen.address]["idle"] == 0, "it is thrown away")
                self.assertEqual(len(self.seen.connections) - before, 3, (method, answer, later))

    def test_an_early_answer_is_whole_though_the_client_still_uploads(self):
        body = bytes(range(256)) * 2000

        def refuse(connection):
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.seen.closed.wait()  # it stays open, reading nothing

        self.seen.serve = refuse
        client = self.client(self.port)
        uploading = threading.Thread(target=self.upload, args=(client, 30_000_000))
        uploading.start()
        answer = client.reader.response()
        uploading.join()
        self.assertEqual((answer["status"], answer["fields"]["connection"], answer["body"]), (403, "close", body))
        self.assertEqual(client.rest(), b"")

    def upload(self, client, size):
        try:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // 10000):
                client.send(bytes(10000))
        except OSError:
            pass  # weir has answered and closed the connection

    def test_an_early_answer_reaches_a_client_that_reads_only_after_sending(self):
        """The backend answers before it has read the body; the client reads nothing until it has sent all of it."""

        def refuse(connection):
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_RDWR)

        self.seen.serve = refuse
        client = self.client(self.port)
        self.upload(client, 10_000_000)
        self.assertEqual(client.reader.response()["fields"]["location"], "/login")

    def test_a_large_early_answer_too_though_the_backend_listens_no_more(self):
        """Otherwise the client, weir and the backend would wait for each other."""
        size = 10_000_000

        def refuse(connection):
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            self.seen.closed.wait()

        self.seen.serve = refuse
        port = free_port()
        proxy = self.weir(web(port, [self.seen], more="timeouts: {client_idle: 5s}"))
        client = self.client(port)
        self.upload(client, 30_000_000)
        answer = client.reader.response()
        self.assertEqual((answer["status"], len(answer["body"])), (403, size))
        self.assertEqual(client.rest(), b"")
        eventually(lambda: proxy.metrics()['weir_connections_active{listener="web"}'] == 0, "it is closed")

    def test_a_417_before_the_body_leaves_no_connection_half_read(self):
        def refuse(connection):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(1000)
            connection.sendall(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
            self.rest = connection.recv(1000)
            connection.close()

        self.seen.serve = refuse
        client = self.client(self.port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        answer = client.reader.response()
        self.assertEqual((answer["status"], answer["fields"]["connection"], answer["body"]), (417, "close", b"no"))
        self.assertEqual(client.rest(), b"")
        eventually(lambda: hasattr(self, "rest"), "the backend sees the end")
        self.assertEqual(self.rest, b"")
        self.assertEqual(self.proxy.backends()[self.seen.address]["idle"], 0)

    def test_connections_to_a_backend_are_used_again_after_large_bodies(self):
        body = "x" * 300000

        def in_two_parts(connection, _):
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            connection.sendall(body.encode())

        self.seen.script = in_two_parts
        client = self.client(self.port)
        for _ in range(5):
            self.assertEqual(len(client.get("/")["body"]), len(body))
        self.assertEqual(len(self.seen.connections), 1)


if __name__ == "__main__":
    main()
