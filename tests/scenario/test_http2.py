"""Requests and responses over HTTP/2: methods, bodies, heads, many streams, and other protocols on the same port."""
import re
import socket
import ssl
import threading

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario
from support.peers import Client, Reader
from support.scenario import SANITIZED, eventually, main

BODY = bytes(range(256)) * (2_000 if SANITIZED else 8_000)


class Messages(Http2Scenario):
    def setUp(self):
        super().setUp()
        self.serve()

    def test_methods_pass_with_and_without_bodies(self):
        client = self.connect()
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "POST", "PATCH", "REPORT"):
            with self.subTest(method=method):
                view = client.finish(client.request(method, "/it?q=1"))
                self.assertEqual((view.status, view.fields["x-backend"]), (200, "b"))
                self.assertEqual(bytes(view.body), b"" if method == "HEAD" else b"b /it?q=1")
                request = self.seen.requests[-1]
                self.assertEqual((request["method"], request["target"], request["body"]), (method, "/it?q=1", b""))
                self.assertEqual(request["fields"]["host"], "a")
        self.assertEqual(len(self.seen.requests), 8)

    def test_a_body_with_a_length_keeps_it(self):
        client = self.connect()
        view = client.finish(client.request("POST", body=b"hello", more=[("content-length", "5")]))
        self.assertEqual(bytes(view.body), b"hello")
        self.assertEqual(self.seen.requests[0]["fields"]["content-length"], "5")
        self.assertNotIn("transfer-encoding", self.seen.requests[0]["fields"])

    def test_a_body_without_a_length_is_sent_in_chunks(self):
        client = self.connect()
        view = client.request("POST", body=b"hel", end=False)
        client.send_body(view, b"lo", end=False)
        client.send_body(view, b"")
        self.assertEqual(bytes(client.finish(view).body), b"hello")
        self.assertEqual(self.seen.requests[0]["fields"]["transfer-encoding"], "chunked")

    def test_an_empty_body_is_no_body(self):
        """END_STREAM comes with HEADERS, with an empty DATA frame, or with trailers."""
        client = self.connect()
        for more in ([], [("content-length", "0")]):
            client.finish(client.request("POST", more=more))
            client.finish(client.request("POST", body=b"", more=more))
            view = client.request("POST", end=False, more=more)
            client.send(h2.headers(view.id, h2.block([("x-trailer", "1")])))
            client.finish(view)
        self.assertEqual([request["body"] for request in self.seen.requests], [b""] * 6)
        self.assertEqual(self.seen.broken, [])

    def test_padding_and_frames_of_any_size_are_read(self):
        client = self.connect()
        view = client.take_stream()
        block = h2.block(h2.head("POST", more=[("content-length", "300")]))
        client.send(h2.headers(view.id, block, end=False, padding=255, depends_on=0, cuts=range(1, 6)))
        for _ in range(100):
            client.send(h2.data(view.id, b"abc", padding=7))
        client.send(h2.data(view.id, end=True, padding=0))
        self.assertEqual(bytes(client.finish(view).body), b"abc" * 100)

    def test_padding_counts_against_windows_and_is_given_back(self):
        client = self.connect()
        view = client.request("POST", end=False)
        for _ in range(2_000):  # 512,000 bytes of padding
            client.wait(lambda: min(client.window, view.window) >= 257, "a window opens")
            client.window, view.window = client.window - 257, view.window - 257
            client.send(h2.data(view.id, b"a", padding=255))
        client.send_body(view, b"")
        self.assertEqual(bytes(client.finish(view).body), b"a" * 2_000)

    def test_large_bodies_pass_both_ways(self):
        client = self.connect()
        for length in ([], [("content-length", str(len(BODY)))]):
            view = client.request("POST", end=False, more=length)
            self.assertEqual(client.upload(view, BODY), len(BODY))
            self.assertTrue(client.finish(view).body == BODY)
            self.assertTrue(self.seen.requests[-1]["body"] == BODY)

    def test_many_requests_share_a_connection_and_its_tables(self):
        client = self.connect()
        client.send(h2.headers(1, h2.block(h2.head()) + h2.added("x-kept", "v" * 50)))
        client.next_stream = 3
        for _ in range(300):
            view = client.take_stream()
            client.send(h2.headers(view.id, h2.block(h2.head(path=f"/{view.id}")) + h2.indexed(62)))
            self.assertEqual(bytes(client.finish(view).body), b"b /%d" % view.id)
        self.assertEqual({request["fields"]["x-kept"] for request in self.seen.requests}, {"v" * 50})

    def test_crumbs_of_a_cookie_are_joined(self):
        client = self.connect()
        crumbs = [("cookie", "a=1"), ("x-between", "1"), ("cookie", "b=2"), ("cookie", "c=3; d=4")]
        client.get(more=crumbs)
        self.assertEqual(self.seen.requests[0]["fields"]["cookie"], "a=1; b=2; c=3; d=4")
        self.assertEqual(sum(line.lower().startswith("cookie:") for line in self.seen.requests[0]["lines"]), 1)

    def test_many_crumbs_count_as_one_field(self):
        crumbs = [("cookie", f"c{number}=1") for number in range(90)]
        view = self.get(more=crumbs + [(f"x-{number}", "1") for number in range(60)])
        self.assertEqual(view.status, 200)
        self.assertEqual(self.seen.requests[0]["fields"]["cookie"].count(";"), 89)

    def test_the_host_is_that_of_authority(self):
        client = self.connect()
        client.get(authority="site.example:8080")
        client.get(authority="site.example", more=[("host", "site.example")])
        client.get(authority=None, more=[("host", "only.example")])
        for host in ("same.example:80", "same.example.", "SAME.example"):  # spellings of the same
            client.get(authority="same.example", more=[("host", host)])
        hosts = [request["fields"]["host"] for request in self.seen.requests]
        self.assertEqual(hosts, ["site.example:8080", "site.example", "only.example"] + ["same.example"] * 3)

    def test_te_trailers_is_legal(self):
        self.assertEqual(self.get(more=[("te", "trailers")]).status, 200)

    def test_options_may_ask_for_the_server_as_a_whole(self):
        client = self.connect()
        view = client.finish(client.request("OPTIONS", "*"))
        self.assertIn(view.status, (200, 400))

    def test_pings_are_answered_and_not_passed_on(self):
        client = self.connect()
        for number in range(5):
            client.ping(b"%08d" % number)
        self.assertEqual(client.pongs, [b"%08d" % number for number in range(5)])
        self.assertEqual(self.seen.connections, [])


class Streams(Http2Scenario):
    def test_a_hundred_streams_are_served_at_once(self):
        everyone = threading.Barrier(100)

        def script(connection, request):
            everyone.wait(60)
            self.seen.echo(connection, request)

        self.serve(script)
        client = self.connect()
        self.assertEqual(client.settings[h2.MAX_CONCURRENT_STREAMS], 100)
        views = [client.request(path=f"/{number}") for number in range(100)]
        client.finish(*views)
        self.assertEqual([bytes(view.body) for view in views], [b"b /%d" % number for number in range(100)])

    def test_the_limit_of_streams_can_be_set(self):
        self.serve(more="limits: {streams: 7}")
        self.assertEqual(self.connect().settings[h2.MAX_CONCURRENT_STREAMS], 7)

    def test_bodies_of_streams_may_be_interleaved(self):
        self.serve()
        client = self.connect()
        views = [client.request("POST", end=False) for _ in range(20)]
        for number in range(30):
            for view in views:
                client.send_body(view, b"%d of %d;" % (number, view.id), end=False)
        for view in reversed(views):
            client.send_body(view, b"")
        client.finish(*views)
        for view in views:
            self.assertEqual(bytes(view.body), b"".join(b"%d of %d;" % (number, view.id) for number in range(30)))


class Responses(Http2Scenario):
    def answer(self, text):
        """Serves this response, sent as it is, to all requests."""
        self.serve(lambda connection, _: connection.sendall(text))

    def test_responses_without_content_have_no_data_frame(self):
        """END_STREAM is on HEADERS: clients have taken an empty DATA frame for an error."""
        for status in ("204 No Content", "304 Not Modified"):
            self.answer(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())
            view = self.get()
            self.assertEqual((view.status, view.fields["etag"]), (int(status[:3]), "x"))
            self.assertEqual(view.kinds(), [h2.HEADERS], status)
        self.answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n")
        self.assertEqual(self.get().kinds(), [h2.HEADERS])
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.get().kinds(), [h2.HEADERS])

    def test_the_response_to_head_has_no_data_frame(self):
        for more in (b"Content-Length: 70", b"Transfer-Encoding: chunked"):
            self.answer(b"HTTP/1.1 200 OK\r\n" + more + b"\r\n\r\n")
            client = self.connect()
            view = client.finish(client.request("HEAD"))
            self.assertEqual((view.status, view.kinds()), (200, [h2.HEADERS]))
            self.assertEqual(view.fields.get("content-length"), "70" if b"70" in more else None)

    def test_a_204_with_a_length_is_passed_without_it(self):
        self.answer(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        view = self.get()
        self.assertEqual((view.status, view.kinds()), (204, [h2.HEADERS]))
        self.assertNotIn("content-length", view.fields)

    def test_fields_of_a_connection_are_left_out_and_names_are_lower_case(self):
        self.answer(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Mixed-Case: Kept\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
            b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok"
        )
        fields = self.get().fields
        self.assertEqual((fields["x-mixed-case"], fields["set-cookie"]), ("Kept", "a=1; b=2"))
        self.assertEqual({name for name in fields if name != name.lower()}, set())
        hop = {"connection", "x-hop", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
        self.assertEqual(hop & set(fields), set())

    def test_every_framing_of_a_backend_becomes_data(self):
        for head, body in (
            (b"Transfer-Encoding: chunked", b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
            (b"Content-Length: 7", b"abcdefg"),
            (b"Connection: close", b"abcdefg"),
        ):
            with self.subTest(head=head):

                def script(connection, _, text=b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body):
                    connection.sendall(text)
                    connection.shutdown(socket.SHUT_WR)

                self.serve(script)
                self.assertEqual(bytes(self.get().body), b"abcdefg")

    def test_a_response_that_breaks_off_resets_its_stream_alone(self):
        seen = threading.Event()
        self.addCleanup(seen.set)

        def script(connection, request):
            if request["target"] == "/broken":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\nonly this")
                seen.wait(60)
                connection.shutdown(socket.SHUT_RDWR)
            else:
                self.seen.echo(connection, request)

        self.serve(script)
        client = self.connect()
        view = client.request(path="/broken")
        client.wait(lambda: bytes(view.body) == b"only this", "it begins")
        seen.set()
        client.wait(lambda: view.over, "it has ended")
        self.assertFalse(view.ended)
        self.assertNotIn(view.reset, (None, h2.NO_ERROR))
        self.assert_serves(client)

    def test_early_hints_are_passed_on(self):
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        self.answer(hints + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        view = self.get()
        self.assertEqual([one[":status"] for one in view.informational], ["103", "103"])
        self.assertEqual(view.informational[0]["link"], "</a.css>; rel=preload")
        self.assertEqual((view.status, bytes(view.body)), (200, b"ok"))

    def test_an_expected_continue_comes_before_the_body_is_sent(self):
        self.serve()
        client = self.connect()
        view = client.request("POST", end=False, more=[("expect", "100-continue"), ("content-length", "5")])
        client.wait(lambda: view.informational, "100 Continue")
        self.assertEqual(view.informational[0][":status"], "100")
        client.send_body(view, b"hello")
        self.assertEqual(bytes(client.finish(view).body), b"hello")

    def test_a_dead_backend_costs_its_request_a_page(self):
        self.serve()
        self.seen.close()
        client = self.connect()
        for _ in range(3):
            view = client.get()
            self.assertIn(view.status, (502, 503))
            self.assertIn(b"50", view.body)


class SamePort(Http2Scenario):
    def test_http_1_1_and_http_2_share_a_plain_port(self):
        self.serve()
        first, other = self.client(self.port), self.connect()
        for _ in range(3):
            self.assertEqual(first.get("/one")["body"], b"b /one")
            self.assertEqual(bytes(other.get("/two").body), b"b /two")

    def test_a_plain_listener_without_http2_refuses_the_preface(self):
        self.serve(listener={"http2": False})
        client = Client(self.port).send(h2.PREFACE + h2.settings())
        self.addCleanup(client.close)
        self.assertRegex(client.rest(), rb"^(HTTP/1.1 [45]\d\d .*)?$|^HTTP/1.1 [45]\d\d ")
        self.assertEqual(self.seen.connections, [])

    def test_upgrade_to_h2c_is_not_offered(self):
        """RFC 9113 section 3.1 has dropped it; the request is served as HTTP/1.1."""
        self.serve()
        fields = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        answer = self.client(self.port).get(extra=fields)
        self.assertEqual(answer["status"], 200)
        self.assertFalse({"upgrade", "http2-settings"} & set(self.seen.requests[0]["fields"]))

    def test_a_proxy_header_comes_before_http_2(self):
        self.serve(listener={"accept_proxy_protocol": True, "trusted_proxies": ["127.0.0.0/8"]})
        client = self.connect(before=b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 443\r\n")
        for _ in range(2):
            self.assertEqual(client.get().status, 200)
            self.assertEqual(self.seen.requests[-1]["fields"]["x-forwarded-for"], "203.0.113.7")
        eventually(lambda: self.proxy.access_log().count("203.0.113.7 ") == 2, "two lines")

    def test_the_access_log_names_the_version(self):
        self.serve()
        self.get("/page?q")
        eventually(lambda: self.proxy.access_log(), "a line")
        self.assertRegex(self.proxy.access_log(), r'"GET /page\?q HTTP/2\.0" 200 9 ')


class OverTls(Http2Scenario):
    def context(self, *protocols):
        context = ssl.create_default_context(cafile=self.authority.root)
        context.set_alpn_protocols(protocols)
        return context

    def test_alpn_chooses_http_2_by_default(self):
        self.serve(tls={}, listener={"http2": None})
        client = self.connect(context=self.context("h2"))
        view = client.get(authority="a.example")
        self.assertEqual(bytes(view.body), b"b /")
        self.assertEqual(self.seen.requests[0]["fields"]["x-forwarded-proto"], "https")

    def test_http_1_1_is_still_spoken(self):
        self.serve(tls={})
        for offered, expected in ((("http/1.1",), "http/1.1"), ((), None), (("http/1.1", "h2"), "h2")):
            plain = socket.create_connection(("127.0.0.1", self.port), 60)
            context = self.context(*offered)
            with context.wrap_socket(plain, server_hostname="a.example") as secure:
                self.assertEqual(secure.selected_alpn_protocol(), expected)
                if expected != "h2":
                    secure.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                    self.assertEqual(Reader(secure).response()["body"], b"b /")

    def test_http_2_can_be_turned_off(self):
        self.serve(tls={}, listener={"http2": False})
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        with self.context("h2", "http/1.1").wrap_socket(plain, server_hostname="a.example") as secure:
            self.assertEqual(secure.selected_alpn_protocol(), "http/1.1")

    def test_large_bodies_pass_both_ways(self):
        self.serve(tls={})
        client = self.connect(context=self.context("h2"))
        view = client.request("POST", end=False, authority="a.example")
        client.upload(view, BODY)
        self.assertTrue(client.finish(view).body == BODY)

    def test_the_log_has_the_version_of_tls(self):
        self.serve(tls={}, more="logging: {access: {format: json}}")
        self.connect(context=self.context("h2")).get(authority="a.example")
        eventually(lambda: re.search('"tls_version": ?"TLSv1.3"', self.proxy.access_log()), "a line with the version")


if __name__ == "__main__":
    main()
