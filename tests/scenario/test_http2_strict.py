"""Malformed requests over HTTP/2: each gets RST_STREAM(PROTOCOL_ERROR) or a 400, its connection goes on, and no
complete request reaches a backend.

Tests for errors that other proxies have had, by number and with the first of their names:

| error | test |
|---|---|
| haproxy 4b8852c70: parts of a request line not checked | Heads.test_methods, test_schemes, test_paths |
| haproxy#2941: '/' in :authority | Heads.test_authorities |
| haproxy d12edebe4: content-length and END_STREAM | Lengths, Lengths.test_an_early_response_hides_no_next_request |
| haproxy#2291: DATA before the final head | http2.Responses.test_early_hints_are_passed_on |
| pingora#892: crumbs | http2.Messages.test_crumbs_of_a_cookie_are_joined |
| envoy#45483: crumbs beside the limits | Limits, http2.Messages.test_many_crumbs_count_as_one_field |
| haproxy#2565: missing :authority | http2.Messages.test_the_host_is_that_of_authority |
| haproxy#3495: early answers to uploads | http2_endings.EarlyResponses |
| pingora#910: resets of clients unseen | http2_endings.Resets |
| nghttp2#253: window leaked on closed streams | http2_windows.Uploads, http2_protocol.StreamStates |
| haproxy#2719: a window one past the largest | http2_frames.Windows |
| nghttp2 129daeff: INITIAL_WINDOW_SIZE shrinks | http2_windows.Downloads |
| haproxy#3354: padding not given back | http2.Messages.test_padding_counts_against_windows_and_is_given_back |
| haproxy 3ed936168: closed right behind GOAWAY | http2_reload |
| haproxy d38d8c6cc: PINGs keep connections alive | http2_endings.Idle |
| h2o#3218: DATA for 204, 304 and HEAD | http2.Responses |
| haproxy#172: RST_STREAM not passed to the backend | http2_endings.Resets |
| envoy#2086: PINGs | http2.Messages.test_pings_are_answered_and_not_passed_on |
| haproxy#1364: other protocols of extended CONNECT | http2_tunnels |
| CVE-2023-44487, CVE-2025-8671, CVE-2024-28182 | http2_floods |
"""
from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, websocket_head
from support.scenario import main

HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade")
CONTROLS = [chr(code) for code in (*range(0x20), 0x7F)]


class Refused(Http2Scenario):
    def setUp(self):
        super().setUp()
        self.serve()

    def refused(self, heads, codes=(400,), body=None):
        """Each head, a list of fields, gets RST_STREAM(PROTOCOL_ERROR) or a response with one of these codes."""
        client = self.connect()
        for fields in heads:
            with self.subTest(fields=str([field for field in fields if field not in h2.head()])[:80], body=body):
                if client.closed:
                    client = self.connect()
                view = client.take_stream()
                client.send(h2.headers(view.id, h2.block(fields), end=body is None))
                if body is not None:
                    client.send(h2.data(view.id, body, end=True))
                self.assert_refused(client, view, codes)
        self.assert_none_reached()

    def assert_refused(self, client, view, codes=(400,)):
        client.wait(lambda: view.over, "it is refused")
        if view.status:
            self.assertIn(view.status, codes)
        else:
            self.assertEqual(view.reset, h2.PROTOCOL_ERROR)
        client.ping()
        self.assertEqual(client.goaways, [])

    def assert_none_reached(self):
        reached, self.seen.requests, self.seen.broken = self.seen.requests, [], []
        self.assertEqual(reached, [])

    def with_fields(self, *fields, **pseudo):
        return h2.head(more=fields, **pseudo)


class Fields(Refused):
    def test_names(self):
        names = ["", "X-Upper", "x-uppeR", "Content-Length", "x y", " x", "x ", "x:", ":x", "x\xe4", "x\x80", "\xff"]
        names += [f"x{one}y" for one in [*CONTROLS, *'"(),/;<=>?@[\\]{}']]
        self.refused(self.with_fields((name, "1")) for name in names)

    def test_values(self):
        values = [f"a{one}b" for one in CONTROLS if one != "\t"]
        values += ["a\r\nx: y", "a\n", "\ra", "\0", "a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"]
        self.refused(self.with_fields(("x-name", value)) for value in values)

    def test_values_with_blanks_around(self):
        values = (" a", "a ", "\ta", "a\t", " ", "\t")
        self.refused(self.with_fields(("x-name", value)) for value in values)

    def test_values_of_fields_that_weir_reads(self):
        for name in ("host", "cookie", "content-length", "authorization", "expect", "te"):
            self.refused(self.with_fields((name, f"a{one}")) for one in "\r\n\0")

    def test_fields_of_a_connection(self):
        self.refused(self.with_fields((name, "close")) for name in HOP)
        self.refused([self.with_fields(("transfer-encoding", "chunked"))])
        self.refused([self.with_fields(("connection", ""))])
        self.refused([self.with_fields(("transfer-encoding", "chunked"), method="POST")], body=b"0\r\n\r\n")

    def test_te_other_than_trailers(self):
        self.refused(self.with_fields(("te", value)) for value in ("gzip", "trailers, gzip", "chunked", "", "trailer"))

    def test_names_that_alias_framing_do_not_reach_the_backend(self):
        client = self.connect()
        aliases = [("transfer_encoding", "chunked"), ("content_length", "5"), ("x_forwarded_for", "6.6.6.6")]
        view = client.request(more=aliases)
        client.wait(lambda: view.over, "it is answered or refused")
        for request in self.seen.requests:
            self.assertFalse({"transfer_encoding", "content_length", "x_forwarded_for"} & set(request["fields"]))


class Heads(Refused):
    def test_pseudo_fields_that_are_missing(self):
        for missing in ("method", "scheme", "path"):
            self.refused([h2.head(**{missing: None})])
        self.refused([h2.head(authority=None), [], [("x-only", "1")]])

    def test_pseudo_fields_twice_late_or_unknown(self):
        fields = h2.head()
        self.refused([*fields, field] for field in fields)
        self.refused([field, *fields] for field in fields)
        self.refused([*fields, ("x-name", "1"), field] for field in fields)
        self.refused([[*fields[:3], ("x-name", "1"), fields[3]]])
        unknown = ((":status", "200"), (":protocol", "websocket"), (":x", "1"), (":", "1"), (":Path", "/"))
        self.refused([*fields, field] for field in unknown)

    def test_methods(self):
        methods = ("", "G ET", "GET ", " GET", "GET\r\n", "GE\0T", "GET / HTTP/1.1\r\nHost: b\r\n\r\nGET", "G(T", "G:T")
        self.refused((h2.head(method) for method in methods), codes=(400, 501))

    def test_methods_that_are_not_served(self):
        self.refused([h2.head("TRACE")], codes=(400, 405, 501))
        self.refused([h2.head("CONNECT", None, scheme=None, authority="a:443")], codes=(405, 501))
        self.refused([h2.head("CONNECT"), h2.head("CONNECT", None, authority=None, scheme=None)], codes=(400, 405, 501))

    def test_schemes(self):
        schemes = ("", "foo", "ftp", "http ", "http:", "http://b/?", "ht\0tp", "http\r\nx: y", "h t", "1", "javascript")
        self.refused(h2.head(scheme=scheme) for scheme in schemes)
        self.refused(h2.head(path=path, scheme="foo") for path in ("http://b/", "x", "/"))

    def test_paths(self):
        paths = ["", "x", "*", "?q", "#", "http://b/", " /", "/ ", "/a b", "/a\tb", "/a#b", "/\xe4"]
        paths += [f"/a{one}b" for one in CONTROLS] + ["/ HTTP/1.1\r\nHost: b\r\n\r\nGET /", "/\x80", "a:80"]
        self.refused(h2.head(path=path) for path in paths)

    def test_paths_that_are_encoded_badly(self):
        self.refused((h2.head(path=path) for path in ("/a%00b", "/%zz", "/%")))

    def test_authorities(self):
        bad = ["", " ", "a b", "a/", "a/b", "/a", "a?b", "a#b", "a@b", "u:p@a", "a:b", "a:80:80", ":80", "a,b", "[::1"]
        bad += [f"a{one}" for one in CONTROLS] + ["a\\b", "a\r\nx: y", "\xe4", "a%00", "http://a"]
        self.refused(h2.head(authority=authority) for authority in bad)
        self.refused(h2.head(authority=None, more=[("host", host)]) for host in bad)

    def test_a_host_other_than_authority(self):
        hosts = ("b", "a:81", "a,b", "", "ab", "a.b")
        self.refused(self.with_fields(("host", host)) for host in hosts)
        self.refused([self.with_fields(("host", "a"), ("host", "a")), self.with_fields(("host", "a"), ("host", "b"))])

    def test_extended_connect(self):
        fields = websocket_head()
        self.refused([[field for field in fields if field[0] != name] for name in (":scheme", ":path", ":authority")])
        self.refused([websocket_head(path="x"), websocket_head(authority="a/b"), [*fields, (":protocol", "websocket")]])
        self.refused(
            [websocket_head(more=[("upgrade", "websocket")]), websocket_head(more=[("connection", "upgrade")])]
        )


class Lengths(Refused):
    def test_lengths_that_are_not_plain_numbers(self):
        values = (
            "",
            "+5",
            "-5",
            "-0",
            "0x5",
            "5 ",
            " 5",
            "5,",
            "5, 5",
            "5.0",
            "five",
            "18446744073709551621",
            "9" * 400,
        )
        heads = [h2.head("POST", more=[("content-length", value)]) for value in values]
        self.refused(heads, body=b"hello")
        pairs = (("5", "5"), ("5", "6"), ("6", "5"), ("", "5"))
        self.refused((h2.head("POST", more=[("content-length", one) for one in pair]) for pair in pairs), body=b"hello")

    def test_lengths_against_the_end_of_the_stream(self):
        self.refused([h2.head("POST", more=[("content-length", "5")]), h2.head(more=[("content-length", "1")])])

    def test_lengths_against_data(self):
        for method in ("POST", "GET"):
            for length, body in (("5", b""), ("5", b"hell"), ("5", b"hello!"), ("0", b"x"), ("5", b"hello" * 3_000)):
                self.refused([h2.head(method, more=[("content-length", length)])], body=body)

    def test_lengths_against_data_at_trailers(self):
        client = self.connect()
        for pieces in ([], [b"hell"], [b"h", b"e"], [b"hello!"]):
            with self.subTest(pieces=pieces):
                view = client.request("POST", end=False, more=[("content-length", "5")])
                for piece in pieces:
                    client.send_body(view, piece, end=False)
                client.send(h2.headers(view.id, h2.block([("x-trailer", "1")])))
                self.assert_refused(client, view)
        self.assert_none_reached()

    def test_a_body_is_whole_only_when_its_stream_ends(self):
        """More may follow what was promised: until END_STREAM, the backend must not take the request for complete."""
        client = self.connect()
        for length, body in (("5", b"hello"), ("0", b"")):
            with self.subTest(length=length):
                view = client.request("POST", "/whole", body=body, end=False, more=[("content-length", length)])
                for _ in range(20):
                    client.get("/between")
                self.assertNotIn("/whole", [request["target"] for request in self.seen.requests])
                client.send_body(view, b"!")
                self.assert_refused(client, view)
        self.assertNotIn("/whole", [request["target"] for request in self.seen.requests])

    def test_lengths_that_turn_out_wrong_late(self):
        """The head and a part of the body are with the backend already."""
        client = self.connect()
        for end in (b"", b"far too much for what was promised"):
            view = client.request("POST", "/late", body=b"begun", end=False, more=[("content-length", "9")])
            count = len(self.seen.connections)
            client.wait(lambda: len(self.seen.connections) >= min(count, 1), "it is on its way")
            client.send_body(view, end)
            self.assert_refused(client, view)
        self.assert_none_reached()

    def test_an_early_response_hides_no_next_request(self):
        """What follows a broken body on the backend's connection would be taken for the rest of it."""
        client = self.connect()
        for _ in range(5):
            view = client.request("POST", "/broken", end=False, more=[("content-length", "30")])
            client.send(h2.headers(view.id, h2.block([("x-trailer", "1")])))
            after = client.get("/after")
            self.assertEqual(bytes(after.body), b"b /after")
            client.wait(lambda v=view: v.over, "it is refused")
        self.assertEqual({request["target"] for request in self.seen.requests}, {"/after"})


class Trailers(Refused):
    def test_trailers_that_are_not_allowed(self):
        client = self.connect()
        trailers = [[field] for field in h2.head()] + [[(":status", "200")], [("X-Upper", "1")], [("x y", "1")]]
        trailers += [[("x", "a\r\nb")], [("x", "\0")], [("connection", "close")], [("transfer-encoding", "chunked")]]
        for fields in trailers:
            with self.subTest(trailers=fields):
                view = client.request("POST", body=b"hello", end=False)
                client.send(h2.headers(view.id, h2.block(fields)))
                self.assert_refused(client, view)
        self.assert_none_reached()

    def test_trailers_never_change_the_head(self):
        client = self.connect()
        for fields in ([("host", "b")], [("content-length", "7")], [("cookie", "a=1")], [("authorization", "x")]):
            view = client.request("POST", body=b"hello", end=False)
            client.send(h2.headers(view.id, h2.block(fields)))
            client.wait(lambda v=view: v.over, "it is answered or refused")
        for request in self.seen.requests:
            self.assertEqual((request["fields"]["host"], request["body"]), ("a", b"hello"))
            self.assertFalse({"content-length", "cookie", "authorization"} & set(request["fields"]))


class Limits(Refused):
    """A head over the limits gets a 431 or 414, and costs weir no more than they allow."""

    def over(self, fields, codes=(431,)):
        self.refused([h2.head(more=fields)], codes)

    def test_too_many_fields(self):
        self.over([(f"x-{number}", "1") for number in range(101)])
        self.over([("x", "1")] * 101)

    def test_too_large_a_head(self):
        self.over([("x", "y" * 20_000)])
        self.over([("x" * 20_000, "y")])
        self.over([("x", "y" * 400)] * 60)
        self.refused([h2.head(path="/" + "y" * 20_000)], codes=(414, 431))

    def test_crumbs_count_as_well(self):
        self.over([("cookie", "y" * 400)] * 60)
        self.over([("cookie", "")] * 5_000)

    def test_the_limit_is_announced(self):
        self.assertEqual(self.connect().settings.get(h2.MAX_HEADER_LIST_SIZE, 16_384), 16_384)

    def test_small_blocks_of_large_heads(self):
        """Indexed fields take a byte each."""
        client = self.connect()
        client.send(h2.headers(1, h2.block(h2.head()) + h2.added("x", "y" * 4_000)))
        client.finish(client.view(1))
        self.seen.requests.clear()
        client.next_stream = 3
        for _ in range(3):
            view = client.take_stream()
            client.send(h2.headers(view.id, h2.block(h2.head()) + h2.indexed(62) * 5_000))
            client.wait(lambda v=view: v.over or client.closed, "it is refused")
            if client.closed:
                self.assert_connection_error(client, {h2.ENHANCE_YOUR_CALM})
                break
            self.assertTrue(view.status == 431 or view.reset, view.fields)
        self.assert_none_reached()


if __name__ == "__main__":
    main()
