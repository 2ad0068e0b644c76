"""Ambiguous requests: weir answers itself and closes, and no byte reaches a backend."""
import socket

from support.scenario import Client, Reader, Scenario, eventually, free_port, main, web

GET = "GET / HTTP/1.1\r\nHost: a\r\n"
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"


def with_header(*lines):
    return POST + "".join(line + "\r\n" for line in lines) + "\r\n5\r\nhello\r\n0\r\n\r\n"


class Bytes:
    """A finished connection's bytes, for a Reader."""

    def __init__(self, data):
        self.data = data

    def recv(self, _):
        data, self.data = self.data, b""
        return data


class Refusals(Scenario):
    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], more="timeouts: {client_header: 20s}"))

    def refused(self, codes, cases):
        """Expects one response with one of these codes and `Connection: close`, the end, and no connection to the
        backend."""
        codes = codes if isinstance(codes, tuple) else (codes,)
        for case in cases:
            with self.subTest(request=case[:200]):
                with Client(self.port) as client:
                    client.send(case)
                    everything = client.rest()
                reader = Reader(Bytes(everything))
                answer = reader.response()
                self.assertIsNotNone(answer, "no answer")
                self.assertIn(answer["status"], codes)
                self.assertEqual(answer["fields"].get("connection"), "close")
                self.assertEqual((reader.buffer, reader.more()), (b"", False), "more than one answer")
                reached, self.seen.connections, self.seen.requests = (self.seen.connections, self.seen.requests), [], []
                self.assertEqual(reached, ([], []))

    def test_length_and_chunks_together(self):
        self.refused(
            400,
            [
                with_header("Content-Length: 5", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding: chunked", "Content-Length: 5"),
                with_header("Content-Length: 0", "transfer-encoding: CHUNKED"),
            ],
        )

    def test_transfer_encodings_other_than_chunked(self):
        values = (
            "xchunked",
            "chunked,",
            ",chunked",
            "chunked, gzip",
            "gzip, chunked",
            "\vchunked",
            "\x0cchunked",
            "\x1fchunked",
            "",
            "chunked;x=1",
            "identity",
            "chunked, chunked",
            '"chunked"',
            "chunked\x00",
            "chun ked",
            "\x85chunked",
        )
        self.refused((400, 501), [with_header(f"Transfer-Encoding: {value}") for value in values])
        self.refused(
            (400, 501),
            [
                with_header("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
                with_header("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding:\r\n chunked"),
            ],
        )

    def test_transfer_encoding_in_http_1_0(self):
        self.refused(
            400,
            [
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ],
        )

    def test_lengths_that_are_not_plain_numbers(self):
        values = (
            "",
            "+5",
            "-0",
            "-5",
            "0x5",
            "5_0",
            "5 5",
            "18446744073709551616",
            "18446744073709551621",
            "9" * 400,
            "5,",
            ",5",
            "5, 6",
            "5, 5",
            "5.0",
            "5e1",
            "\x0b5",
            "٥",
            "five",
        )
        self.refused(
            400, [POST + f"Content-Length: {value}\r\n\r\nhello".encode("utf-8").decode("latin-1") for value in values]
        )
        self.refused(
            400,
            [
                POST + f"Content-Length: {a}\r\nContent-Length: {b}\r\n\r\nhello"
                for a, b in ((5, 6), (6, 5), (5, 5), (0, 5), (5, ""))
            ],
        )

    def test_header_lines_that_are_not_name_colon_value(self):
        lines = (
            "A : b",
            "A\t: b",
            "Content-Length : 5",
            "Transfer-Encoding : chunked",
            ": b",
            " A: b",
            "\tA: b",
            "A",
            "A b",
            "A: b\r\n c",
            "A: b\r\n\tc",
            "A: b\r c",
            "A: b\rC: d",
            "A: b\nC: d",
            "A: b\n",
            "A\0: b",
            "A: b\0",
            "\x01A: b",
            "A(: b",
            "A,: b",
            "A/: b",
            "A@: b",
            "A{: b",
            '"A": b',
            "\xe4: b",
            "A\x7f: b",
            "A: \x01",
            "A: b\x08",
            "A: \x1b[2J",
            "A: \x7f",
        )
        self.refused(400, [GET + line + "\r\n\r\n" for line in lines])
        self.refused(
            400,
            [
                "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\n\n",
                "GET / HTTP/1.1\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n",
            ],
        )

    def test_chunks_that_are_not_canonical(self):
        """The head may already be at a backend, which must never get a complete request."""
        bad = (
            "0x5\r\nhello",
            "5_0\r\nhello",
            " 5\r\nhello",
            "5 \r\nhello",
            "\t5\r\nhello",
            "-1\r\nhello",
            "+5\r\nhello",
            "",
            "\r\nhello",
            "g\r\n",
            "00000000000000005\r\nhello",
            "10000000000000005\r\nhello",
            "fffffffffffffffff\r\nhello",
            "100000005\r\nhello",
            "5;\nhello",
            "5;a\rhello",
            "5;a\r\rhello",
            "5\nhello",
            "5\rhello",
            "5;a=\0\r\nhello",
            "5;a=\r\n b\r\nhello",
            "5;" + "a" * 65536 + "\r\nhello",
            "5\r\nhelloXX",
            "5\r\nhello\n",
            "5\r\nhello\r",
            "5\r\nhello0",
            "5\r\nhello\r\r\n",
            "0\r\nXX",
            "0\r\n\n",
            "0\n\n",
            "0\r\nA b\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\n A: b\r\n\r\n",
            "0\r\nA: \0\r\n\r\n",
            "0\r\nA: " + "b" * 65536 + "\r\n\r\n",
            "5;\x01\r\nhello",
            "5\x00\r\nhello",
        )
        for chunks in bad:
            with self.subTest(chunks=chunks[:60]):
                with Client(self.port) as client:
                    client.send(CHUNKED + chunks + "\r\n0\r\n\r\n")
                    client.sock.shutdown(socket.SHUT_WR)
                    reader = Reader(Bytes(client.rest()))
                    answer = reader.response()
                    if answer:  # where nothing wrong was seen before the end, there is no one to answer
                        self.assertEqual(
                            (answer["status"], answer["fields"].get("connection"), reader.buffer), (400, "close", b"")
                        )
                    self.assertEqual(self.seen.requests, [])

    def test_a_chunk_shorter_than_announced_is_never_a_whole_request(self):
        for size in ("100000005", "fffffffffffffff"):  # 4 GiB and 5: a parser that counts in 32 bits reads 5
            with Client(self.port) as client:
                client.send(CHUNKED + size + "\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                client.sock.shutdown(socket.SHUT_WR)
                client.rest()
        self.assertEqual(self.seen.requests, [])

    def test_hosts(self):
        self.refused(
            400,
            [
                "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            ],
        )
        values = (
            "a,b",
            "a, b",
            "u@a",
            "a/x",
            "a?x",
            "a#x",
            "a\\x",
            "",
            "a b",
            "a:b",
            "a:80:80",
            "a:123456",
            "[::1",
            "::1",
            "a%00",
            "<a>",
            "a;b",
            "a'b",
            "a&b=c",
            "a\tb",
            "é",
        )
        self.refused(400, ["GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % v.encode("utf-8").decode("latin-1") for v in values])
        self.refused(
            400,
            [
                f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"
                for target in (
                    "http://b/",
                    "http://a:81/",
                    "http://u@a/",
                    "http:///",
                    "http://",
                    "https://b",
                    "ftp://a/",
                    "http://a,b/",
                )
            ],
        )

    def test_versions_and_request_lines(self):
        self.refused(
            (400, 505),
            [
                f"GET / {v}\r\nHost: a\r\n\r\n"
                for v in (
                    "HTTP/1.2",
                    "HTTP/9.9",
                    "HTTP/0.9",
                    "HTTP/2",
                    "HTTP/2.0",
                    "HTTP/1.10",
                    "HTTP/1.",
                    "HTTP/01.1",
                    "http/1.1",
                    "HTTP/1,1",
                    "HTTP 1.1",
                    "XTTP/1.1",
                    "",
                )
            ],
        )
        self.refused(
            400,
            [
                "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
                " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /\r\n\r\n",
                "GET\r\n\r\n",
                "\r\n\r\n" + GET + "\r\n",
                "\r\n\r\n",
                "\n" + GET + "\r\n",
                "\0" + GET + "\r\n",
                "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
            ],
        )
        self.refused(
            400,
            [
                f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"
                for target in (
                    "/\x80",
                    "/\xff",
                    "/\xc3\xa9",
                    "/\x01",
                    "/\x7f",
                    "/\0",
                    "/a#b",
                    "#",
                    "*",
                    "a",
                    "?x",
                    "a:80",
                    "/a\tb",
                    "/a\x0bb",
                )
            ],
        )

    def test_heads_that_are_too_large(self):
        self.refused((400, 414), ["GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: a\r\n\r\n", "GET /" + "a" * 2000000])
        self.refused(
            (400, 431),
            [
                GET + "A: b\r\n" * 100 + "\r\n",
                GET + "A: " + "b" * 20000 + "\r\n\r\n",
                GET + "A" * 20000 + ": b\r\n\r\n",
                GET + "A: b\r\n" * 5000 + "\r\n",
                GET + "A: " + "b" * 2000000,
            ],
        )

    def test_methods_and_protocols_that_weir_does_not_serve(self):
        self.refused(
            (405, 501),
            [
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0\0\0\4\0\0\0\0\0",
                "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
                "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
                "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
            ],
        )
        self.refused(400, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))])  # TLS to a plain port

    def test_unknown_expectations_are_refused_with_417(self):
        with Client(self.port) as client:
            self.assertEqual(client.get("/", extra="Expect: something\r\n")["status"], 417)
        with Client(self.port) as client:
            client.send(POST + "Expect: something\r\nContent-Length: 5\r\n\r\nhello" + GET + "\r\n")
            reader = Reader(Bytes(client.rest()))
            self.assertEqual((reader.response()["status"], reader.buffer), (417, b""))
        self.assertEqual(self.seen.connections, [])

    def test_a_refusal_ends_the_pipeline(self):
        with Client(self.port) as client:
            client.send(
                GET
                + "\r\n"
                + with_header("Content-Length: 5", "Transfer-Encoding: chunked")
                + GET.replace("/ ", "/smuggled ")
                + "\r\n"
            )
            reader = Reader(Bytes(client.rest()))
            self.assertEqual([reader.response()["status"], reader.response()["status"], reader.buffer], [200, 400, b""])
        self.assertEqual([r["target"] for r in self.seen.requests], ["/"])


class Rewriting(Scenario):
    """What is legal but ambiguous is rewritten canonically."""

    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen]), workers=1)

    def forwarded(self, request, method="GET"):
        with Client(self.port) as client:
            client.send(request)
            self.assertEqual(client.reader.response(method)["status"], 200)
        self.assertEqual(self.seen.broken, [])
        return self.seen.requests[-1]

    def test_names_that_alias_framing_or_trust_are_dropped(self):
        aliases = (
            "Transfer_Encoding: chunked",
            "Content_Length: 5",
            "transfer_ENCODING: x",
            "X_Forwarded_For: 6.6.6.6",
            "X-Forwarded_Proto: https",
            "X_Forwarded_Port: 1",
            "X_Real_IP: 6.6.6.6",
            "Http2_Settings: x",
            "X-Forwarded-Port: 1",
            "X-Forwarded-Prefix: /admin",
            "Forwarded: for=6.6.6.6",
            "X-Real-IP: 6.6.6.6",
            "Proxy: http://evil",
            "Proxy_Connection: close",
        )
        fields = self.forwarded(
            GET + "".join(a + "\r\n" for a in aliases) + "My_Own: kept\r\nTransfer_Encoding_X: kept\r\n\r\n"
        )["fields"]
        self.assertEqual(
            set(fields),
            {
                "host",
                "my_own",
                "transfer_encoding_x",
                "x-forwarded-for",
                "x-real-ip",
                "x-forwarded-proto",
                "x-forwarded-host",
            },
        )
        self.assertEqual(
            (fields["x-forwarded-for"], fields["x-real-ip"], fields["x-forwarded-proto"]),
            ("127.0.0.1", "127.0.0.1", "http"),
        )

    def test_extensions_and_trailers_are_dropped(self):
        request = self.forwarded(
            CHUNKED
            + '5;a=b;c="d"\r\nhello\r\n0;last\r\nContent-Length: 99\r\nX-Forwarded-For: 6.6.6.6\r\nX-Trailer: t\r\n\r\n'
        )
        self.assertEqual(request["body"], b"hello")
        self.assertEqual(
            set(request["fields"]),
            {"host", "transfer-encoding", "x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host"},
        )

    def test_the_host_is_the_targets(self):
        self.assertEqual(
            self.forwarded("GET http://shop.example/x?y HTTP/1.1\r\nHost: SHOP.example\r\n\r\n")["fields"]["host"],
            "shop.example",
        )
        self.assertEqual(self.seen.requests[-1]["target"], "/x?y")
        self.assertEqual(self.forwarded("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n")["target"], "/")

    def test_connection_cannot_take_weirs_own_headers_away(self):
        fields = self.forwarded(
            GET + "Connection: X-Forwarded-For, X-Real-IP, x-forwarded-proto, X-Forwarded-Host, Host, X-Gone, "
            "Content-Length\r\nX-Gone: 1\r\nX-Stays: 1\r\n\r\n"
        )["fields"]
        self.assertEqual(
            set(fields), {"host", "x-stays", "x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host"}
        )

    def test_h2c_is_stripped_and_not_tunnelled(self):
        for upgrade in ("h2c", "H2C", "h2c, websocket", "websocket, h2c"):
            fields = self.forwarded(
                GET + f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n"
                f"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
            )["fields"]
            self.assertEqual({"connection", "upgrade", "http2-settings"} & set(fields), set())

    def test_one_empty_line_before_a_request_is_ignored(self):
        self.assertEqual(self.forwarded("\r\n" + GET + "\r\n")["target"], "/")


class Cuts(Scenario):
    """A legal request stays the same request, however it is cut into writes."""

    LEGAL = [
        ("GET", "GET /x?y=%20&z HTTP/1.1\r\nHost: a.example:8080\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n"),
        ("GET", "\r\nGET http://a/x HTTP/1.1\r\nhost:a\r\nX-Empty:\r\nX-Spaces: \t v \t\r\n\r\n"),
        ("POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world"),
        (
            "POST",
            "POST / HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n06\r\n"
            " world\r\n0\r\nT: u\r\n\r\n",
        ),
        ("HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("DELETE", "DELETE /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
    ]

    def ask(self, client, method, pieces):
        count = len(self.seen.requests)
        for piece in pieces:
            client.send(piece)
        answer = client.reader.response(method)
        eventually(lambda: len(self.seen.requests) > count, "the backend has it")
        del answer["fields"]["date"]  # weir adds it, and it moves on
        return answer, self.seen.requests[-1]

    def test_every_cut_gives_the_same_result(self):
        self.port, self.seen = free_port(), self.backend()
        self.weir(web(self.port, [self.seen]), workers=1)
        client = self.client(self.port)
        for method, request in self.LEGAL:
            whole = self.ask(client, method, [request])
            self.assertEqual(whole[0]["status"], 200, request)
            self.assertEqual(self.ask(client, method, request), whole)  # one byte a write
            for cut in range(1, len(request)):
                self.assertEqual(self.ask(client, method, [request[:cut], request[cut:]]), whole, request[:cut])
        self.assertEqual((self.seen.broken, len(self.seen.connections)), ([], 1))

    def test_a_truncated_request_is_no_request(self):
        self.port, self.seen = free_port(), self.backend()
        self.weir(web(self.port, [self.seen]), workers=1)
        for method, request in self.LEGAL:
            for cut in range(1, len(request)):
                with Client(self.port) as client:
                    client.send(request[:cut])
                    client.sock.shutdown(socket.SHUT_WR)
                    client.rest()
        self.assertEqual(self.seen.requests, [])

    def test_ten_pipelined_gets_have_ten_answers_in_order(self):
        self.port, self.seen = free_port(), self.backend()
        self.weir(web(self.port, [self.seen]))
        client = self.client(self.port)
        client.send("".join(f"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n" for i in range(10)))
        self.assertEqual([client.reader.response()["body"] for _ in range(10)], [b"b /%d" % i for i in range(10)])


if __name__ == "__main__":
    main()
