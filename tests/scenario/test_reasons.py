"""Why a request failed: the same reason in both access logs, the metrics, the status and the error log."""
import os
import re
import socket
import threading

from support.reasons import ReasonScenario, hangs, says
from support.scenario import SOURCE, eventually, free_port, main, web

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Reasons(ReasonScenario):
    def test_kinds_of_broken_responses_have_different_reasons(self):
        cases = [
            (b"HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n", "bad_response_head", "colon", b"Bad Name"),
            (b"\x16\x03\x01 this is not HTTP\r\n\r\n", "bad_response_head", "", b"\\x16\\x03\\x01"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 17000 + b"\r\n\r\n", "response_head_too_large", "too large", b""),
            (b"", "backend_closed", "before a response", b""),
            (b"HTTP/1.1 200 O", "backend_closed", "within the head", b""),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "bad_response_head",
                "Transfer-Encoding",
                b"",
            ),
            (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                "bad_response_head",
                "",
                b"",
            ),
        ]
        for answer, reason, detail, shown in cases:
            with self.subTest(answer[:40]):
                self.start([self.backend(says(answer))])
                self.assertIn(b" 502 ", self.ask()[:20])
                line = self.line()
                self.assertEqual(
                    (line["status"], line["reason"], line["target"], line["host"]), (502, reason, "/x?y", "shop")
                )
                self.assertIn(detail, line["detail"])
                self.counted(reason)
                error = self.last_error()
                self.assertEqual(error["reason"], reason)
                self.assertIn(detail, error["detail"])
                self.assertRegex(error["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
                self.proxy.wait_logged(rf"request failed: {reason}.* target=.*{re.escape(shown.decode())}")

    def test_a_truncated_response_is_logged_with_its_status_and_its_reason(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for answer, reason in (
            (head + b"a" * 50000, "response_truncated"),
            (chunked + b"5\r\nhello\r\n", "response_truncated"),
            (chunked + b"5\r\nhello\r\n" + b"4\r\nwrong!\r\n", "bad_response_body"),
        ):
            with self.subTest(reason):

                def script(connection, _request, answer=answer):
                    connection.sendall(answer[: len(head) + 7])
                    eventually(lambda: got, "the client has the beginning")
                    says(answer[len(head) + 7 :])(connection, None)

                got = []
                self.start([self.backend(script)])
                client = self.client(self.port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                got.append(client.sock.recv(10))
                client.rest()
                line = self.line()
                self.assertEqual((line["status"], line["reason"]), (200, reason))
                self.counted(reason)
                self.assertEqual(self.last_error()["reason"], reason)

    def test_a_truncated_stream_differs_from_a_complete_one(self):
        def script(connection, request):
            if request["target"] == "/whole":
                connection.sendall(WHOLE)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            connection.recv(1)

        self.start([self.backend(script)], "timeouts: {stream_idle: 300ms, response: 30s}\n")
        client = self.client(self.port)
        client.get("/whole")
        client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").rest()
        whole, cut = self.line(0), self.line(1)
        self.assertEqual((whole["status"], whole["reason"]), (200, ""))
        self.assertNotIn("detail", whole)
        self.assertEqual((cut["status"], cut["reason"]), (200, "stream_idle"))
        self.counted("stream_idle")

    def test_timeouts_and_refused_connections_of_backends(self):
        self.start([self.backend(hangs)], "timeouts: {response: 200ms}\n")
        self.assertIn(b" 504 ", self.ask()[:20])
        self.assertEqual(self.line()["reason"], "backend_timeout")
        self.assertEqual(self.last_error()["reason"], "backend_timeout")
        dead = self.backend()
        dead.close()
        self.start([dead])
        self.assertIn(b" 502 ", self.ask()[:20])
        line = self.line()
        self.assertEqual((line["reason"], line["connect_ms"], line["first_byte_ms"]), ("connect_refused", None, None))
        self.assertIn("refused", self.last_error()["detail"])
        self.counted("connect_refused")

    def test_a_try_that_failed_is_remembered_though_the_request_succeeded(self):
        dead, alive = self.backend(), self.backend()
        dead.close()
        self.start([dead, alive])
        client = self.client(self.port)
        for _ in range(2):
            self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual([self.line(i)["reason"] for i in range(2)], ["", ""])
        self.assertEqual(self.last_error()["reason"], "connect_refused")
        self.assertEqual(self.proxy.backends()[alive.address]["last_errors"], [])
        self.assertFalse([k for k in self.proxy.metrics() if k.startswith("weir_failures_total")])

    def test_a_refused_request_shows_what_was_read_of_its_head(self):
        """Method, host and target are logged as far as weir has read them."""
        self.start([self.backend()], "limits: {header_size: 1KiB}\ntimeouts: {client_header: 300ms}\n")
        cases = [
            ("GET /a HTTP/1.1\r\nHost: shop\r\nBad\x01Name: 1\r\n\r\n", 400, "bad_request", "GET", "/a", "shop"),
            (
                "GET /b HTTP/1.1\r\nHost: shop\r\nX: " + "a" * 2000 + "\r\n\r\n",
                431,
                "request_header_too_large",
                "GET",
                "/b",
                "shop",
            ),
            ("GET /" + "c" * 2000, 414, "request_header_too_large", "GET", "/" + "c" * 1023, ""),
            ("BREW /d HTTP/1.1\r\nHost: shop\r\nContent-Length: x\r\n\r\n", 400, "bad_request", "BREW", "/d", "shop"),
            (
                "GET /e HTTP/1.1\r\nHost: shop\r\nExpect: tea\r\n\r\n",
                417,
                "unsupported_expectation",
                "GET",
                "/e",
                "shop",
            ),
            ("GET /f HTTP/3.0\r\nHost: shop\r\n\r\n", 505, "version_not_supported", "GET", "/f", "shop"),
            ("TRACE /g HTTP/1.1\r\nHost: shop\r\n\r\n", 405, "method_not_allowed", "TRACE", "/g", "shop"),
            ("\x16\x03\x01\x02\x00", 400, "bad_request", "", "\x16\x03\x01\x02\x00", ""),
            ("GET /slow HTTP/1.1\r\nHost: shop\r\n", 408, "client_timeout", "GET", "/slow", "shop"),
        ]
        for number, (request, status, reason, method, target, host) in enumerate(cases):
            with self.subTest(request[:30]):
                self.assertIn(f" {status} ".encode(), self.ask(request)[:20])
                line = self.line(number)
                self.assertEqual(
                    (line["status"], line["reason"], line["method"], line["target"][:1000], line["host"]),
                    (status, reason, method, target[:1000], host),
                )
        self.counted("method_not_allowed", pool="")
        self.proxy.wait_logged(r'request failed: bad_request: .*target="/a".* bytes="[^"]*Bad\\x01Name')

    def test_bodies_over_the_limit_and_malformed_ones(self):
        backend = self.backend()
        self.start([backend], "limits: {body_size: 1KiB}\n")
        self.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n")
        self.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        self.assertEqual([self.line(i)["reason"] for i in range(2)], ["body_too_large", "bad_request_body"])
        self.proxy.wait_logged(r'request failed: bad_request_body.* bytes="[^"]*zz')

    def test_a_client_that_leaves(self):
        self.start([self.backend(hangs)])
        for request in ("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n", "GET /half HTTP/1.1\r\nHo"):
            client = self.client(self.port).send(request)
            if "waits" in request:
                eventually(
                    lambda: self.proxy.metrics()[
                        'weir_backend_active{pool="web",backend="' + next(iter(self.proxy.backends())) + '"}'
                    ]
                    == 1,
                    "it waits",
                )
            client.close()
        eventually(lambda: len(self.lines()) == 2, "both are logged")
        self.assertEqual(
            {(line["method"], line["target"], line["status"], line["reason"]) for line in self.lines()},
            {("GET", "/waits", 499, "client_closed"), ("GET", "/half", 499, "client_closed")},
        )

    def test_no_route_no_backend_and_no_room(self):
        backend, port, bare = self.backend(hangs), free_port(), free_port()
        self.port = port
        self.start(
            None,
            listeners=f"""listeners:
  web: {{address: "127.0.0.1:{port}", pool: web}}
  bare: {{address: "127.0.0.1:{bare}"}}
routes: [{{name: none, match: {{path_prefix: /none, listeners: [bare]}}, pool: none}}]
pools:
  web: {{backends: [{{address: "{backend.address}", max_connections: 1}}], queue: {{max: 1, timeout: 3s}}}}
  none: {{backends: [{{address: "127.0.0.1:1", state: maint}}]}}
""",
        )
        self.port = bare
        self.assertIn(b" 404 ", self.ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")[:20])
        self.assertIn(b" 503 ", self.ask("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")[:20])
        self.assertEqual(
            [(self.line(i)["reason"], self.line(i)["route"], self.line(i)["pool"]) for i in range(2)],
            [("no_route", "", ""), ("no_backend", "none", "none")],
        )
        self.counted("no_route", pool="", listener="bare")
        self.port = port
        first = self.client(port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: next(iter(self.proxy.backends().values()))["active"] == 1, "the seat is taken")
        waits = self.client(port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.proxy.status()["pools"][0]["queue"]["length"] == 1, "one waits")
        self.assertIn(b" 503 ", self.ask()[:20])
        self.assertEqual(waits.reader.response()["status"], 503)
        self.assertEqual({self.line(i)["reason"] for i in (2, 3)}, {"queue_full", "queue_timeout"})
        first.close()

    def test_a_failure_of_one_kind_does_not_flood_the_error_log(self):
        dead = self.backend()
        dead.close()
        self.start([dead])
        client = self.client(self.port)
        for _ in range(200):
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.reader.response()
        self.assertIn(b" 417 ", self.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n")[:20])
        self.proxy.wait_logged("request failed: unsupported_expectation")  # the flood has not hidden it
        self.assertLess(self.proxy.log().count("request failed: connect_refused"), 50)
        self.counted("connect_refused", count=200)

    def test_tcp_connections_have_lines(self):
        def shouts(sock):
            connection, _ = sock.accept()
            connection.sendall(connection.recv(100).upper())
            connection.close()

        listening = socket.create_server(("127.0.0.1", free_port()))
        self.addCleanup(listening.close)
        threading.Thread(target=shouts, args=(listening,), daemon=True).start()
        port, dead = free_port(), free_port()
        config = f"""listeners:
  db: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}
  dead: {{address: "127.0.0.1:{dead}", protocol: tcp, pool: dead}}
pools:
  db: {{backends: ["127.0.0.1:{listening.getsockname()[1]}"]}}
  dead: {{backends: ["127.0.0.1:{free_port()}"]}}
"""
        self.start(None, listeners=config)
        client = self.client(port).send(b"hello")
        self.assertEqual(client.rest(), b"HELLO")
        client.close()
        self.client(dead).rest()
        eventually(lambda: len(self.lines()) == 2, "both are logged")
        ok, failed = sorted(self.lines(), key=lambda line: line["status"])
        self.assertEqual(
            (ok["protocol"], ok["listener"], ok["status"], ok["reason"], ok["bytes"], ok["received_bytes"]),
            ("tcp", "db", 200, "", 5, 5),
        )
        self.assertIsNotNone(ok["connect_ms"])
        self.assertEqual((failed["listener"], failed["status"], failed["reason"]), ("dead", 502, "connect_refused"))
        self.counted("connect_refused", pool="dead", listener="dead")
        self.proxy.wait_logged("connection failed: connect_refused")

    def test_a_connection_without_its_proxy_header_is_logged(self):
        port = free_port()
        self.start(
            None,
            listeners=f"""listeners:
  web:
    address: "127.0.0.1:{port}"
    pool: web
    accept_proxy_protocol: true
    trusted_proxies: [127.0.0.1]
pools: {{web: {{backends: ["{self.backend().address}"]}}}}
""",
        )
        self.client(port).send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").rest()
        line = self.line()
        self.assertEqual((line["reason"], line["status"], line["target"]), ("bad_proxy_header", 400, "/x"))

    def test_the_combined_log_has_body_bytes_and_the_reason(self):
        port, backend = free_port(), self.backend()
        self.proxy = self.weir(web(port, [backend]), workers=1)
        client = self.client(port)
        body = client.get("/0123456789")["body"]
        client.get("/none", method="HEAD")
        client.get("/", extra="Expect: x\r\n")
        eventually(lambda: self.proxy.access_log().count("\n") == 3, "all are logged")
        whole, head, refused = self.proxy.access_log().splitlines()
        self.assertTrue(whole.endswith(f'"GET /0123456789 HTTP/1.1" 200 {len(body)} "-" "-" -'), whole)
        self.assertTrue(head.endswith('"HEAD /none HTTP/1.1" 200 - "-" "-" -'), head)
        self.assertRegex(refused, r'"GET / HTTP/1.1" 417 \d+ "-" "-" unsupported_expectation$')

    def test_json_has_times_in_milliseconds_and_keeps_utf8(self):
        def slow(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"5\r\nhello\r\n0\r\n\r\n")

        self.start([self.backend(slow)])
        client = self.client(self.port)
        client.get("/", extra="User-Agent: J\u00fcrgen\r\n".encode().decode("latin-1"))
        client.get("/")
        first, second = self.line(0), self.line(1)
        self.assertEqual(first["user_agent"], "J\u00fcrgen")
        self.assertRegex(first["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((first["peer"], first["client"], first["body_bytes"]), ("127.0.0.1", "127.0.0.1", 5))
        self.assertGreater(first["bytes"], 5)
        self.assertIsInstance(first["connect_ms"], float)
        self.assertLessEqual(first["first_byte_ms"], first["duration_ms"])
        self.assertIsNone(second["connect_ms"])  # a kept connection

    def test_received_bytes_include_the_first_body_bytes_and_grow_in_a_stream(self):
        """The first bytes of the body come together with the head."""
        chunk, more = b"400\r\n" + b"a" * 1024 + b"\r\n", []

        def stream(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
            eventually(lambda: more, "the test has seen the counters move")
            connection.sendall(b"0\r\n\r\n")

        self.start([self.backend(stream)])
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"b" * 1000
        client = self.client(self.port).send(request)
        eventually(
            lambda: self.proxy.metrics()['weir_received_bytes_total{listener="web"}'] == len(request),
            "what came is counted",
        )
        eventually(
            lambda: self.proxy.metrics()['weir_sent_bytes_total{listener="web"}'] > 1024, "what was sent is counted"
        )
        self.assertEqual(
            self.proxy.metrics().get('weir_requests_total{listener="web",pool="web",route="",code="200"}', 0), 0
        )
        more.append(True)
        client.reader.response()
        self.assertEqual(self.line()["received_bytes"], len(request))

    def test_every_reason_is_documented(self):
        with open(os.path.join(SOURCE, "proxy/log/failure_reason.cpp")) as f:
            words = set(re.findall(r'^    \{\w+, "(\w+)", \d+,', f.read(), re.M)) - {"none"}
        with open(os.path.join(SOURCE, "docs/failure-reasons.md")) as f:
            documented = re.findall(r"^\| `(\w+)` \| \S", f.read().split("## The access log")[0], re.M)
        self.assertGreater(len(words), 20)
        self.assertEqual(sorted(words), sorted(documented))


if __name__ == "__main__":
    main()
