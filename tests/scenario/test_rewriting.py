"""Legal requests that could be read in two ways are forwarded canonically, however they are cut into writes."""
import socket

from support.refusals import CHUNKED, GET
from support.scenario import Client, Scenario, eventually, free_port, main, web


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

    def test_extensions_are_dropped_and_so_are_trailers_that_belong_in_a_head(self):
        request = self.forwarded(
            CHUNKED
            + '5;a=b;c="d"\r\nhello\r\n0;last\r\nContent-Length: 99\r\nX-Forwarded-For: 6.6.6.6\r\nX-Trailer: t\r\n\r\n'
        )
        self.assertEqual(request["body"], b"hello")
        self.assertEqual(request["trailers"], ["X-Trailer: t"])
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
        del answer["fields"]["date"], answer["lines"]  # weir adds the date, and it changes every second
        return answer, self.seen.requests[-1]

    def test_every_cut_gives_the_same_result(self):
        self.port, self.seen = free_port(), self.backend()
        self.weir(web(self.port, [self.seen]), workers=1)
        client = self.client(self.port)
        for method, request in self.LEGAL:
            whole = self.ask(client, method, [request])
            self.assertEqual(whole[0]["status"], 200, request)
            self.assertEqual(self.ask(client, method, request), whole)  # one byte per write
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
