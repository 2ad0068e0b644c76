"""Malformed or ambiguous heads of requests: weir itself answers and closes, and no byte reaches a backend."""
from support.refusals import GET, RefusalScenario
from support.scenario import main


class Heads(RefusalScenario):
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


if __name__ == "__main__":
    main()
