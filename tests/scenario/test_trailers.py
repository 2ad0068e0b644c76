"""Trailer sections: what passes through weir in both directions, and what never does."""
import json
import threading
import zlib

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario
from support.scenario import TIMEOUT, Scenario, eventually, free_port, main, web

CHUNKED = "POST {} HTTP/1.1\r\nHost: a\r\n{}Transfer-Encoding: chunked\r\n\r\n"
TEXT = b"text that is worth being compressed, " * 100
# Fields that would change what the head says, if a receiver merged them into it.
FORBIDDEN = [
    "Content-Length: 99",
    "content_length: 99",
    "Transfer-Encoding: chunked",
    "TE: trailers",
    "Trailer: X-Sum",
    "Connection: close",
    "Keep-Alive: timeout=1",
    "Upgrade: websocket",
    "Host: evil",
    "HOST: evil",
    "Expect: 100-continue",
    "Authorization: Basic YTpi",
    "Proxy-Authorization: x",
    "Cookie: a=b",
    "Set-Cookie: a=b",
    "X-Forwarded-For: 6.6.6.6",
    "X.Forwarded.Proto: https",
    "X-Forwarded-Anything: 1",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    "X-Request-Id: 1",
    "traceparent: 1",
    "Content-Type: text/html",
    "Content-Encoding: gzip",
    "Cache-Control: public",
    "Range: bytes=0-1",
    "If-Match: x",
    "Location: /x",
    "Proxy: x",
]


def lines_of(fields):
    return "".join(field + "\r\n" for field in fields)


def request(trailers, target="/", fields="", body=b"hello"):
    end = b"0\r\n" + lines_of(trailers).encode("latin-1") + b"\r\n"
    return CHUNKED.format(target, fields).encode() + b"%x\r\n%s\r\n" % (len(body), body) + end


def response(trailers, fields="", body=b"hello"):
    head = f"HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n".encode()
    end = b"0\r\n" + lines_of(trailers).encode("latin-1") + b"\r\n"
    return head + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + end


class Trailers(Scenario):
    """The base of all scenarios here."""

    def serve(self, routes=None, script=None, backends=None, **keys):
        self.port = free_port()
        self.seen = self.backend(script)
        more = f"routes: {json.dumps(routes)}\n" if routes else ""
        more += "timeouts: {client_idle: 5s, response: 30s}\nlimits: {body_size: 1MiB}\n"
        self.proxy = self.weir(web(self.port, backends or [self.seen], more=more, **keys), workers=1)

    def received(self, trailers, status=200, **keys):
        """Sends a request and returns it as the backend has received it."""
        client = self.client(self.port).send(request(trailers, **keys))
        self.assertEqual(client.reader.response()["status"], status)
        self.assertEqual(client.get("/next")["status"], 200)  # the connection goes on
        self.assertEqual(self.seen.broken, [])
        return self.seen.requests[-2]

    def answered(self, trailers, ask="GET / HTTP/1.1\r\nHost: a\r\n\r\n", method="GET", **keys):
        """Returns the response that the client gets if the backend sends these trailers."""
        self.seen.script = lambda c, r: c.sendall(response(trailers, **keys))
        return self.client(self.port).send(ask).reader.response(method)


class Requests(Trailers):
    def test_the_fields_arrive_behind_the_body(self):
        self.serve()
        trailers = ["X-Sum: 1", "x_sum: 2", "Content-Digest: sha-256=:x:", "X-Empty: ", "X-Sum: 3"]
        arrived = self.received(trailers, fields="Trailer: X-Sum\r\n")
        self.assertEqual((arrived["body"], arrived["trailers"]), (b"hello", trailers))
        self.assertEqual(arrived["fields"]["trailer"], "X-Sum")
        self.assertNotIn("x-sum", arrived["fields"])
        self.assertEqual(self.received(["a:b", "C: \t d \t"])["trailers"], ["a: b", "C: d"])
        self.assertEqual(self.received([])["trailers"], [])
        self.assertEqual(self.received(["X-Sum: 1"], body=bytes(300_000))["trailers"], ["X-Sum: 1"])

    def test_every_cut_gives_the_same_result(self):
        self.serve()
        bytes_sent = request(["X-Sum: 1", "Host: evil", "x:y"])
        client = self.client(self.port)
        for at in range(len(bytes_sent) - 30, len(bytes_sent)):
            count = len(self.seen.requests)
            client.send(bytes_sent[:at])
            client.send(bytes_sent[at:])
            self.assertEqual(client.reader.response()["status"], 200)
            eventually(lambda: len(self.seen.requests) > count, "the backend has it")
            self.assertEqual(self.seen.requests[-1]["trailers"], ["X-Sum: 1", "x: y"])

    def test_fields_that_belong_in_the_head_are_dropped(self):
        self.serve()
        arrived = self.received(["X-First: 1", *FORBIDDEN, "X-Last: 2"])
        self.assertEqual(arrived["trailers"], ["X-First: 1", "X-Last: 2"])
        self.assertEqual(arrived["fields"]["host"], "a")
        for name in FORBIDDEN:
            self.assertEqual(self.received([name])["trailers"], [], name)

    def test_fields_that_connection_names_are_dropped(self):
        self.serve()
        arrived = self.received(["X-Gone: 1", "x_gone: 2", "X-Sum: 3"], fields="Connection: x-gone\r\nX-Gone: 0\r\n")
        self.assertEqual(arrived["trailers"], ["X-Sum: 3"])
        self.assertNotIn("x-gone", arrived["fields"])

    def test_fields_that_the_configuration_uses_are_dropped(self):
        """Wherever it uses them: a backend may serve several routes."""
        routes = [
            {"match": {"path_prefix": "/secret", "headers": {"X-Role": "admin"}}, "pool": "web"},
            {
                "match": {"path_prefix": "/edited"},
                "pool": "web",
                "request_headers": {"set": {"X-User": "{client_ip}"}, "add": {"X-More": "1"}, "remove": ["X-Debug"]},
            },
            {"match": {"path_prefix": "/limited"}, "pool": "web", "rate_limit": {"rate": "99/s", "by": "header:X-Key"}},
        ]
        self.serve(routes, pool={"algorithm": "hash", "hash": {"on": "header", "name": "X-Tenant"}})
        trailers = ["X-Role: admin", "x_user: evil", "X-Debug: 1", "X-KEY: 2", "X.Tenant: 3", "X-More: 4", "X-Sum: 5"]
        for target in ("/", "/edited", "/limited", "/secret"):
            self.assertEqual(self.received(trailers, target=target)["trailers"], ["X-More: 4", "X-Sum: 5"])

    def test_malformed_sections_end_the_request(self):
        self.serve()
        many = "".join(f"X-{n}: 1\r\n" for n in range(101))
        for bad in (
            "no colon\r\n\r\n",
            "X : y\r\n\r\n",
            ": y\r\n\r\n",
            "X: y\r\n folded\r\n\r\n",
            "X: y\n\r\n",
            "X: y\rZ: z\r\n\r\n",
            "X: \0\r\n\r\n",
            "X: \x01\r\n\r\n",
            "X: y\r\n\n",
            f"X: {'y' * 9000}\r\n\r\n",
            many + "\r\n",
        ):
            with self.subTest(bad=bad[:30]):
                client = self.client(self.port)
                client.send(CHUNKED.format("/", "") + "5\r\nhello\r\n0\r\n" + bad)
                client.send("GET /behind HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.reader.response()["status"], 400)
                self.assertEqual(client.rest(), b"")
        self.assertEqual(self.seen.requests, [])  # none was complete
        self.assertEqual(len(self.received(many.split("\r\n")[:100])["trailers"]), 100)

    def test_pipelined_requests_behind_a_section_are_served(self):
        self.serve()
        client = self.client(self.port)
        client.send(request(["X-Sum: 1"]) + request(["X-Sum: 2"]) + b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
        for body in (b"hello", b"hello", b"b /last"):
            self.assertEqual(client.reader.response()["body"], body)
        self.assertEqual([r["trailers"] for r in self.seen.requests], [["X-Sum: 1"], ["X-Sum: 2"], []])

    def test_a_buffered_request_goes_on_without_trailers(self):
        self.serve([{"match": {"path_prefix": "/in"}, "pool": "web", "buffer_requests": True}])
        arrived = self.received(["X-Sum: 1"], target="/in", fields="Trailer: X-Sum\r\n")
        self.assertEqual((arrived["body"], arrived["trailers"]), (b"hello", []))
        self.assertEqual(arrived["fields"]["content-length"], "5")
        self.assertNotIn("trailer", arrived["fields"])

    def test_a_try_on_another_backend_has_the_trailers_too(self):
        self.port, self.seen = free_port(), self.backend()
        rude = f"127.0.0.1:{free_port()}"  # nobody listens
        proxy = self.weir(web(self.port, [rude, self.seen]), workers=1)
        for _ in range(4):
            self.assertEqual(self.received(["X-Sum: 1"])["trailers"], ["X-Sum: 1"])
        self.assertGreater(proxy.metrics()["weir_retries_total"], 0)


class WhatClientsTake(Trailers):
    def forwarded(self, fields, version="1.1"):
        client = self.client(self.port).send(f"GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")
        self.assertEqual(client.reader.response()["status"], 200)
        arrived = self.seen.requests[-1]["fields"]
        return arrived.get("te"), arrived.get("connection")

    def test_only_te_trailers_goes_on(self):
        self.serve()
        for fields in ("TE: trailers\r\n", "TE: gzip, Trailers\r\nConnection: TE, close\r\n"):
            self.assertEqual(self.forwarded(fields), ("trailers", "TE"))
        for fields in ("", "TE: gzip\r\n", "TE: trailers;q=0\r\n", "TE:\r\nConnection: TE\r\n"):
            self.assertEqual(self.forwarded(fields), (None, None))
        self.assertEqual(self.forwarded("TE: trailers\r\n", version="1.0"), (None, None))

    def test_te_goes_on_connections_that_are_not_kept(self):
        self.serve(pool={"send_proxy_protocol": "v1"}, backends=[self.raw_backend(self.take_proxy_header)])
        with self.client(self.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").reader.response()
        self.assertIn(b"\r\nTE: trailers\r\nConnection: TE, close\r\n", self.head)

    def take_proxy_header(self, connection):
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class Responses(Trailers):
    def test_the_fields_arrive_behind_the_body(self):
        self.serve()
        trailers = ["grpc-status: 0", "X-Sum: 1", "Server-Timing: db;dur=53", "X-Empty: "]
        for body in (b"hello", bytes(300_000), b""):
            answer = self.answered(trailers, fields="Trailer: X-Sum\r\n", body=body)
            self.assertEqual((answer["body"], answer["trailers"]), (body, trailers))
            self.assertEqual(answer["fields"]["trailer"], "X-Sum")
        self.assertEqual(len(self.seen.connections), 1)

    def test_fields_that_belong_in_the_head_are_dropped(self):
        self.serve()
        answer = self.answered(["X-First: 1", *FORBIDDEN, "X-Last: 2"])
        self.assertEqual(answer["trailers"], ["X-First: 1", "X-Last: 2"])
        answer = self.answered(["X-Gone: 1", "X-Sum: 2"], fields="Connection: x_gone\r\n")
        self.assertEqual(answer["trailers"], ["X-Sum: 2"])

    def test_fields_that_the_route_sets_or_removes_are_dropped(self):
        edit = {"set": {"X-Served-By": "weir"}, "add": {"X-More": "1"}, "remove": ["X-Debug"]}
        self.serve([{"match": {"path_prefix": "/"}, "pool": "web", "response_headers": edit}])
        answer = self.answered(["X_Served_By: b", "x-debug: 1", "X-More: 2", "X-Sum: 3"])
        self.assertEqual(answer["trailers"], ["X-More: 2", "X-Sum: 3"])

    def test_control_bytes_become_spaces(self):
        self.serve()
        self.assertEqual(self.answered(["X: \x01a\x02b\x7f", "Y: \x03"])["trailers"], ["X: a b", "Y: "])

    def test_who_has_no_place_for_them_gets_none(self):
        self.serve()
        answer = self.answered(["X-Sum: 1"], ask="GET / HTTP/1.0\r\n\r\n", fields="Trailer: X-Sum\r\n")
        self.assertEqual((answer["body"], answer["trailers"]), (b"hello", []))
        self.assertNotIn("trailer", answer["fields"])
        self.seen.script = lambda c, r: c.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
        )
        client = self.client(self.port)
        answer = client.get(method="HEAD")
        self.assertEqual((answer["status"], answer["trailers"]), (200, []))
        self.assertNotIn("trailer", answer["fields"])
        self.assertEqual(client.get(method="HEAD")["status"], 200)

    def test_a_malformed_section_cuts_the_response(self):
        self.serve()
        for bad in (
            b"no colon\r\n\r\n",
            b"X: y\r\n folded\r\n\r\n",
            b"X: \0\r\n\r\n",
            b"X: " + b"y" * 9000 + b"\r\n\r\n",
        ):
            with self.subTest(bad=bad[:20]):
                has_begun = threading.Event()

                def script(connection, _, bad=bad, has_begun=has_begun):
                    connection.sendall(response([])[: -len("0\r\n\r\n")])
                    self.assertTrue(has_begun.wait(TIMEOUT))
                    connection.sendall(b"0\r\n" + bad)

                self.seen.script = script
                client = self.client(self.port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.reader.head()[1]["transfer-encoding"], "chunked")
                self.assertEqual(client.reader.until(b"5\r\nhello\r\n"), b"")
                has_begun.set()
                self.assertEqual(client.rest(), b"")
        name = 'weir_failures_total{listener="web",pool="web",route="",reason="bad_response_body"}'
        self.assertEqual(self.proxy.metrics()[name], 4)

    def test_a_compressed_response_keeps_what_is_not_about_its_bytes(self):
        compress = {"types": ["text/plain"], "min_size": 0}
        self.serve([{"match": {"path_prefix": "/"}, "pool": "web", "compress": compress}])
        trailers = ["X-Sum: 1", "ETag: x", "Content-Digest: x", "Repr-Digest: x", "Digest: x", "Y: 2"]
        ask = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {}\r\n\r\n"
        keys = {"fields": "Content-Type: text/plain\r\n", "body": TEXT}
        answer = self.answered(trailers, ask=ask.format("gzip"), **keys)
        self.assertEqual(answer["fields"]["content-encoding"], "gzip")
        self.assertEqual(zlib.decompress(answer["body"], 31), TEXT)
        self.assertEqual(answer["trailers"], ["X-Sum: 1", "Y: 2"])
        self.assertEqual(self.answered(trailers, ask=ask.format("identity"), **keys)["trailers"], trailers)

    def test_sections_in_both_directions_at_once(self):
        self.serve(script=lambda c, r: c.sendall(response(["X-Back: " + " ".join(r["trailers"])])))
        client = self.client(self.port)
        for n in range(5):
            answer = client.send(request([f"X-There: {n}"])).reader.response()
            self.assertEqual(answer["trailers"], [f"X-Back: X-There: {n}"])
        self.assertEqual(len(self.seen.connections), 1)


class OverHttp2(Http2Scenario):
    """A client that speaks HTTP/2, and a backend that speaks HTTP/1.1."""

    def test_sections_become_those_of_the_other_version(self):
        back = ["grpc-status: 0", "Set-Cookie: a=b", "X-Sum: \x012", "X-Empty: "]
        self.serve(lambda c, r: c.sendall(response(back, fields="Trailer: X-Sum\r\n")))
        there = [("x-sum", "1"), ("authorization", "x"), ("x_forwarded_for", "6.6.6.6"), ("x-empty", "")]
        client = self.connect()
        for body in (b"hello", b""):
            view = client.request("POST", body=body, end=False, more=[("te", "trailers"), ("trailer", "x-sum")])
            client.send(h2.headers(view.id, h2.block(there)))
            client.finish(view)
            self.assertEqual(bytes(view.body), b"hello")
            self.assertEqual(view.trailers, {"grpc-status": "0", "x-sum": "2", "x-empty": ""})
            self.assertEqual(view.fields["trailer"], "X-Sum")
            arrived = self.seen.requests[-1]
            self.assertEqual((arrived["body"], arrived["trailers"]), (body, ["x-sum: 1", "x-empty: "]))
            names = ("te", "connection", "trailer")
            self.assertEqual([arrived["fields"].get(name) for name in names], ["trailers", "TE", "x-sum"])
        self.assertEqual(self.seen.broken, [])

    def test_a_body_with_a_length_has_no_place_for_them_in_http_1(self):
        self.serve()
        client = self.connect()
        view = client.request("POST", body=b"hello", end=False, more=[("content-length", "5"), ("trailer", "x-sum")])
        client.send(h2.headers(view.id, h2.block([("x-sum", "1")])))
        self.assertEqual(bytes(client.finish(view).body), b"hello")
        arrived = self.seen.requests[-1]
        self.assertEqual((arrived["fields"]["content-length"], arrived["trailers"]), ("5", []))
        self.assertNotIn("trailer", arrived["fields"])


if __name__ == "__main__":
    main()
