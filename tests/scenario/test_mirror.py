"""Copies of requests that go to another pool, and change nothing for the clients."""
import json
import threading

from support.certificates import Authority
from support.route_errors import route_errors
from support.scenario import Scenario, eventually, flow, free_port, main, web
from support.tls_peers import HeadedBackend, TlsBackend


class Mirror(Scenario):
    limit = 0  # max_connections of the backend `seen`; 0: none
    original = None  # its script

    def serve(self, script=None, mirror=None, route=None, pool=None, shadow=None, more="", **keys):
        """Starts weir with the backends `seen` and `shadow`, which gets copies of the requests to /in."""
        self.port, self.seen = free_port(), self.backend(self.original)
        self.shadow = shadow or self.backend(script, name="s0")
        self.mirror = {"pool": "shadow", **(mirror or {})}
        self.route, self.pool, self.more = route or {}, pool or {}, more
        self.proxy = self.weir(self.config(), **keys)

    def config(self):
        route = {"name": "in", "match": {"path_prefix": "/in"}, "pool": "web", **self.route, "mirror": self.mirror}
        pool = {"backends": [getattr(self.shadow, "address", self.shadow)], **self.pool}
        more = f"  shadow: {flow(pool)}\nroutes: {json.dumps([route])}\n{self.more}"
        seen = self.seen.entry(max_connections=self.limit) if self.limit else self.seen
        return web(self.port, [seen], more=more)

    def ask(self, target="/in", **keys):
        return self.client(self.port).get(target, **keys)

    def counted(self, what):
        return self.proxy.metrics()[f"weir_mirror_{what}_total"]

    def wait_for_copies(self, count):
        eventually(lambda: len(self.shadow.requests) >= count, f"{count} copies have arrived")
        self.assertEqual(len(self.shadow.requests), count)

    def post(self, body, target="/in", client=None):
        client = client or self.client(self.port)
        client.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return client.reader.response()

    def test_a_copy_is_what_the_backend_gets(self):
        edits = {"set": {"X-Set": "{path}"}, "remove": ["X-Gone"]}
        self.serve(route={"rewrite": {"strip_prefix": "/in"}, "request_headers": edits})
        extra = "X-Gone: 1\r\nCookie: a=1\r\nX-Forwarded-For: 1.2.3.4\r\n"
        self.assertEqual(self.ask("/in/page?q=1", extra=extra, host="example.com")["status"], 200)
        self.wait_for_copies(1)
        copy, original = self.shadow.requests[0], self.seen.requests[0]
        self.assertEqual((copy["method"], copy["target"], copy["lines"]), ("GET", "/page?q=1", original["lines"]))
        self.assertEqual(copy["fields"]["host"], "example.com")
        self.assertEqual(self.ask("/out")["status"], 200)
        self.assertEqual(self.ask("/in", method="HEAD")["status"], 200)
        self.wait_for_copies(2)
        self.assertEqual(self.shadow.requests[1]["method"], "HEAD")
        self.assertEqual((self.counted("requests"), self.counted("failures")), (2, 0))

    def test_the_host_of_a_copy_follows_the_route(self):
        self.serve(route={"host": "backend"})
        self.assertEqual(self.ask()["status"], 200)
        self.wait_for_copies(1)
        self.assertEqual(self.shadow.requests[0]["fields"]["host"], self.shadow.address)
        self.assertEqual(self.seen.requests[0]["fields"]["host"], self.seen.address)

    def test_bodies_are_copied_with_their_length(self):
        self.serve(workers=1)
        body = bytes(range(256)) * 256  # the whole of mirror.body_size
        self.assertEqual(self.post(body)["body"], body)
        client = self.client(self.port)
        client.send("POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"some", b" text", b""):
            client.send(b"%x\r\n%b\r\n" % (len(part), part))
        self.assertEqual(client.reader.response()["body"], b"some text")
        client.send("POST /in HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 100)
        self.assertEqual(client.send("late").reader.response()["body"], b"late")
        self.wait_for_copies(3)
        copies = sorted(self.shadow.requests, key=lambda request: -len(request["body"]))
        self.assertEqual([copy["body"] for copy in copies], [body, b"some text", b"late"])
        for copy in copies:
            self.assertEqual(copy["fields"]["content-length"], str(len(copy["body"])))
            self.assertNotIn("expect", copy["fields"])

    def test_a_body_that_weir_buffers_is_copied_once(self):
        self.serve(route={"buffer_requests": True, "body_size": "1MiB"}, workers=1)
        body = b"x" * 50_000
        self.assertEqual(self.post(body)["body"], body)
        client = self.client(self.port)
        client.send("PUT /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send("4\r\nsome\r\n5\r\n text\r\n0\r\n\r\n")
        self.assertEqual(client.reader.response()["body"], b"some text")
        self.wait_for_copies(2)
        copies = sorted(self.shadow.requests, key=lambda request: -len(request["body"]))
        self.assertEqual([copy["body"] for copy in copies], [body, b"some text"])
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (2, 0))

    def test_bodies_over_the_limit_are_not_copied(self):
        self.serve(mirror={"body_size": "1KiB"}, workers=1)
        self.assertEqual(self.post(b"x" * 1025)["status"], 200)
        client = self.client(self.port)
        client.send(b"POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"400\r\n" + b"x" * 1024 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        self.assertEqual(len(client.reader.response()["body"]), 1025)
        self.assertEqual(self.post(b"x" * 1024)["status"], 200)
        self.wait_for_copies(1)
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (1, 2))

    def test_an_upload_that_breaks_off_is_not_copied(self):
        self.serve(workers=1)
        client = self.client(self.port)
        client.send("POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        active = f'weir_backend_active{{pool="web",backend="{self.seen.address}"}}'
        eventually(lambda: self.proxy.metrics()[active] == 1, "the upload has begun")
        client.close()
        eventually(lambda: self.proxy.metrics()[active] == 0, "the upload has ended")
        self.assertEqual(self.post(b"whole")["status"], 200)
        self.wait_for_copies(1)
        self.assertEqual(self.shadow.requests[0]["body"], b"whole")
        eventually(lambda: self.counted("skipped") == 1, "the other one is counted")

    def test_a_share_of_the_requests_is_copied(self):
        self.serve(mirror={"share": "30%"}, workers=1)
        client = self.client(self.port)
        for _ in range(400):
            self.assertEqual(client.get("/in")["status"], 200)
        copies = self.counted("requests") + self.counted("skipped")
        self.assertTrue(60 < copies < 180, copies)  # over 6 standard deviations

    def test_upgrades_are_not_copied(self):
        def switch(connection, request):
            connection.sendall(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            connection.sendall(connection.recv(100))

        self.serve(workers=1)
        self.seen.script = switch
        client = self.client(self.port)
        self.assertEqual(client.get("/in", extra="Connection: Upgrade\r\nUpgrade: echo\r\n")["status"], 101)
        self.assertEqual(client.send("ping").reader.exactly(4), b"ping")
        self.assertEqual(self.counted("requests"), 0)

    def hang(self, **keys):
        """Starts weir with a mirror pool that never answers."""
        self.serve(lambda *_: self.shadow.closed.wait(300), **{"workers": 1, **keys})

    def test_a_mirror_pool_that_hangs_delays_no_client(self):
        self.hang()
        client = self.client(self.port)
        for _ in range(300):  # more than may be in flight
            self.assertEqual(client.get("/in")["body"], b"b /in")
        eventually(lambda: len(self.shadow.requests) == 256, "as many copies as may be in flight have arrived")
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (256, 44))

    def test_copies_do_not_wait_for_a_full_mirror_pool(self):
        shadow = self.backend(lambda *_: self.shadow.closed.wait(300), name="s0")
        pool = {"backends": [shadow.entry(max_connections=1)], "queue": {"max": 10, "timeout": "1m"}}
        self.serve(pool=pool, workers=1)
        client = self.client(self.port)
        self.assertEqual([client.get("/in")["status"] for _ in range(3)], [200] * 3)
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (1, 2))

    def test_a_copy_takes_no_seat_from_its_original(self):
        self.limit = 1
        self.serve(mirror={"pool": "web"}, workers=1)
        client = self.client(self.port)
        for _ in range(5):
            self.assertEqual(client.get("/in")["status"], 200)
            self.assertEqual(self.post(b"body", client=client)["status"], 200)
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (0, 10))

    def test_requests_that_a_full_pool_refuses_are_not_copied(self):
        self.limit, release = 1, threading.Event()
        self.addCleanup(release.set)
        self.original = lambda connection, request: (release.wait(300), self.seen.echo(connection, request))
        self.serve(workers=1)
        first = self.client(self.port).send("GET /out HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.seen.requests, "the pool is full")
        self.assertEqual([self.ask()["status"], self.post(b"body")["status"]], [503] * 2)
        release.set()
        self.assertEqual(first.reader.response()["status"], 200)
        eventually(lambda: self.counted("skipped") == 2, "both are counted")
        self.assertEqual((self.counted("requests"), self.shadow.requests), (0, []))

    def test_copies_go_to_the_backend_that_their_key_chooses(self):
        other = self.backend(name="s1")
        shadow = self.backend(name="s0")
        pool = {
            "backends": [shadow.address, other.address],
            "algorithm": "hash",
            "hash": {"on": "header", "name": "X-Key"},
        }
        self.serve(shadow=shadow, pool=pool, workers=1)
        client = self.client(self.port)
        for key in range(16):
            for _ in range(3):
                self.assertEqual(client.get("/in", extra=f"X-Key: {key}\r\n")["status"], 200)
        eventually(lambda: len(shadow.requests) + len(other.requests) == 48, "all copies have arrived")
        keys = [{request["fields"]["x-key"] for request in backend.requests} for backend in (shadow, other)]
        self.assertEqual((keys[0] & keys[1], len(keys[0] | keys[1])), (set(), 16))
        self.assertTrue(keys[0] and keys[1], keys)

    def test_the_memory_of_captured_bodies_is_bounded(self):
        self.hang(mirror={"body_size": "1MiB"})
        body = b"x" * (1 << 20)
        client = self.client(self.port)
        for _ in range(40):
            self.assertEqual(len(self.post(body, client=client)["body"]), len(body))
        self.assertEqual((self.counted("requests"), self.counted("skipped")), (32, 8))

    def test_the_time_limits_of_the_mirror_pool_end_copies(self):
        self.hang(pool={"timeouts": {"connect": "100ms", "response": "200ms"}})
        self.assertEqual(self.ask()["status"], 200)
        eventually(lambda: self.counted("failures") == 1, "the copy has failed")
        name = f'weir_backend_active{{pool="shadow",backend="{self.shadow.address}"}}'
        self.assertEqual(self.proxy.metrics()[name], 0)

    def test_failures_of_copies_are_counted_and_no_client_sees_them(self):
        endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 65535 + b"\r\n"

        def flood(connection, request):
            connection.sendall(endless)
            while True:
                connection.sendall(b"ffff\r\n" + b"x" * 65535 + b"\r\n")

        scripts = {
            "resets": (lambda connection, _: connection.close(), None, 3),
            "talks nonsense": (lambda connection, _: connection.sendall(b"nonsense\r\n\r\n"), None, 3),
            "floods": (flood, None, 0),
            "is down": (None, f"127.0.0.1:{free_port()}", 3),
        }
        for name, (script, shadow, failures) in scripts.items():
            with self.subTest(name):
                self.serve(script, shadow=shadow, workers=1)
                client = self.client(self.port)
                for _ in range(3):
                    self.assertEqual(client.get("/in")["body"], b"b /in")
                self.assertEqual(self.post(b"body", client=client)["body"], b"body")
                eventually(lambda: self.counted("requests") + self.counted("failures") >= 4, "copies were made")
                eventually(lambda: self.counted("failures") >= failures, "copies have failed")
                metrics = self.proxy.metrics()
                address = getattr(self.shadow, "address", self.shadow)
                for counter in ("requests", "errors", "failures"):
                    self.assertEqual(metrics[f'weir_backend_{counter}_total{{pool="shadow",backend="{address}"}}'], 0)
                active = f'weir_backend_active{{pool="shadow",backend="{address}"}}'
                eventually(lambda: self.proxy.metrics()[active] == 0, "no copy is left")
                ok = 'weir_requests_total{listener="web",pool="web",route="in",code="200"}'
                self.assertEqual(self.proxy.metrics()[ok], 4)
                self.assertNotIn("request failed", self.proxy.log())

    def test_connections_to_the_mirror_pool_are_kept(self):
        self.serve(workers=1)
        client = self.client(self.port)
        for count in range(1, 6):
            self.assertEqual(client.get("/in")["status"], 200)
            self.wait_for_copies(count)
            idle = f'weir_backend_idle_connections{{pool="shadow",backend="{self.shadow.address}"}}'
            eventually(lambda: self.proxy.metrics()[idle] == 1, "the connection is kept")
        self.assertEqual(len(self.shadow.connections), 1)

    def test_a_reload_that_removes_the_mirror_pool_lets_copies_end(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def script(connection, request):
            release.wait(300)
            self.shadow.echo(connection, request)

        self.serve(script, pool={"close_after": "1h"}, workers=1)
        self.assertEqual(self.ask()["status"], 200)
        self.wait_for_copies(1)
        self.assertEqual(self.proxy.reload(web(self.port, [self.seen]))["verdict"], "applied")
        self.assertEqual(self.ask()["status"], 200)
        release.set()
        self.assertEqual(self.ask()["status"], 200)
        self.assertEqual(len(self.shadow.requests), 1)

    def test_a_reload_may_cut_copies_to_a_removed_pool(self):
        self.hang(pool={"close_after": "100ms"})
        self.assertEqual(self.ask()["status"], 200)
        self.wait_for_copies(1)
        self.assertEqual(self.proxy.reload(web(self.port, [self.seen]))["verdict"], "applied")
        eventually(lambda: self.counted("failures") == 1, "the copy has ended")
        self.assertEqual(self.ask()["status"], 200)

    def test_weir_stops_without_waiting_for_copies(self):
        self.hang(more="process: {drain_timeout: 1h, workers: 1}\n")
        for _ in range(20):
            self.assertEqual(self.ask()["status"], 200)
        self.wait_for_copies(20)
        self.assertEqual(self.proxy.stop(), 0)

    def test_the_mirror_pool_may_be_behind_tls_and_the_proxy_protocol(self):
        authority = Authority(self.folder())
        pair, tls = authority.issue("next.example"), {"ca": authority.root, "server_name": "next.example"}
        for secure, shadow in ((True, TlsBackend(pair, proxy_header=True)), (False, HeadedBackend())):
            self.addCleanup(shadow.close)
            pool = {**({"tls": tls} if secure else {}), "send_proxy_protocol": "v1"}
            self.serve(shadow=shadow, pool=pool, workers=1)
            client = self.client(self.port)
            self.assertEqual(client.get("/in")["status"], 200)
            self.assertEqual(self.post(b"body", client=client)["body"], b"body")
            client.close()
            self.wait_for_copies(2)
            self.assertEqual(sorted(copy["body"] for copy in shadow.requests), [b"", b"body"])
            for header in shadow.headers:
                self.assertRegex(header.decode(), rf"PROXY TCP4 127.0.0.1 127.0.0.1 \d+ {self.port}\r\n")
            eventually(lambda: self.counted("requests") == 2, "both are counted")
            self.assertEqual(self.counted("failures"), 0)

    def test_mistakes_are_named(self):
        for mirror, wrong in (
            ({}, "pool"),
            ({"pool": "none"}, "none"),
            ({"pool": "web", "share": "0%"}, "mirrors nothing"),
            ({"pool": "web", "body_size": "2MiB"}, "at most 1MiB"),
        ):
            self.assertIn(wrong, route_errors(self, {"pool": "web", "mirror": mirror}), mirror)


if __name__ == "__main__":
    main()
