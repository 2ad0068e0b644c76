"""The concurrency limit of a route: how many requests of a client are in progress, what counts, and what a reload
keeps."""
import json
import re
import select
import threading

from support.route_errors import route_errors
from support.scenario import Scenario, eventually, free_port, main, web

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class ConcurrencyLimit(Scenario):
    def serve(self, *routes, listener=None, backends=None, more="", **keys):
        """Starts weir with a backend that holds every request but those for /quick until it is told to answer."""
        self.port, self.held = free_port(), []
        self.seen = self.backend(self.answer)
        self.listener, self.backends, self.more = listener, backends or [self.seen], more
        self.proxy = self.weir(self.config(*routes), **keys)

    def config(self, *routes):
        more = f"routes: {json.dumps(routes)}\n{self.more}"
        return web(self.port, self.backends, listener=self.listener, more=more)

    def answer(self, connection, request):
        target = request["target"]
        if target.startswith("/ws"):
            connection.sendall(SWITCHED)
            connection.recv(1)
            return
        if target.startswith("/break"):
            connection.close()
            return
        if target != "/quick":
            released = threading.Event()
            self.addCleanup(released.set)
            self.held.append(released)
            released.wait(300)
        self.seen.echo(connection, request)

    def begin(self, target="/slow", extra=""):
        """Sends a request until the backend holds it. Returns the client."""
        count = len(self.held)

        def send():
            client = self.client(self.port).send(f"GET {target} HTTP/1.1\r\nHost: a\r\n{extra}\r\n")
            eventually(lambda: len(self.held) > count or select.select([client.sock], [], [], 0)[0], "it is decided")
            return client if len(self.held) > count else None

        return eventually(send, "the backend has it")

    def status(self, target="/quick", extra=""):
        return self.client(self.port).get(target, extra=extra)["status"]

    def wait_free(self, target="/quick", extra=""):
        """Waits until a request is accepted: a seat is free soon after the end of an exchange."""
        eventually(lambda: self.status(target, extra) == 200, "a seat is free")

    def limit(self, most=1, **keys):
        return {"name": "api", "pool": "web", "concurrency_limit": {"max": most, **keys}}

    def test_requests_over_the_limit_get_a_429_until_another_one_ends(self):
        self.serve({**self.limit(2), "match": {"path_prefix": "/"}})
        clients = [self.begin() for _ in range(2)]
        answer = self.client(self.port).get("/quick")
        self.assertEqual((answer["status"], answer["fields"]["retry-after"]), (429, "1"))
        self.assertEqual(answer["body"], b"429 Too Many Requests\n")
        self.assertNotIn("ratelimit", answer["fields"])
        self.held[0].set()
        self.assertEqual(clients[0].reader.response()["status"], 200)
        self.wait_free()
        clients.append(self.begin())
        self.assertEqual(self.status(), 429)
        for event in self.held:
            event.set()
        self.assertEqual([client.reader.response()["status"] for client in clients[1:]], [200, 200])

    def test_a_refused_request_is_logged_and_counted_and_keeps_its_connection(self):
        self.serve(self.limit())
        self.begin()
        client = self.client(self.port)
        self.assertEqual([client.get("/quick")["status"] for _ in range(3)], [429] * 3)
        name = 'weir_failures_total{listener="web",pool="web",route="api",reason="concurrency_limited"}'
        eventually(lambda: self.proxy.metrics().get(name) == 3, "the failures are counted")
        self.proxy.wait_logged('request failed: concurrency_limited.*route="api"')
        self.held[0].set()
        eventually(lambda: client.get("/quick")["status"] == 200, "the same connection is served")

    def test_one_connection_never_exceeds_a_limit_of_one(self):
        self.serve(self.limit())
        client = self.client(self.port)
        self.assertEqual([client.get("/quick")["status"] for _ in range(20)], [200] * 20)
        client.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        self.assertEqual([client.reader.response()["status"] for _ in range(20)], [200] * 20)

    def test_a_client_that_leaves_frees_its_seat(self):
        self.serve(self.limit())
        for _ in range(5):
            client = self.begin()
            self.assertEqual(self.status(), 429)
            client.close()
            self.wait_free()

    def test_a_backend_that_fails_frees_the_seat(self):
        self.serve(self.limit())
        for _ in range(5):
            eventually(lambda: self.status("/break") == 502, "the backend fails")
            self.wait_free()

    def test_a_pool_that_does_not_respond_frees_the_seat(self):
        self.serve(self.limit(), backends=[f"127.0.0.1:{free_port()}"])
        for _ in range(5):
            eventually(lambda: self.status() == 502, "nothing listens, and the seat is free again")

    def test_a_websocket_counts_until_it_ends(self):
        self.serve(self.limit())
        client = self.client(self.port)
        self.assertEqual(client.get("/ws", extra=UPGRADE)["status"], 101)
        self.assertEqual(self.status(), 429)
        self.assertEqual(self.status("/ws", UPGRADE), 429)
        client.close()
        self.wait_free()

    def test_a_limit_over_all_workers_is_one_limit(self):
        self.serve(self.limit(10), workers=4)
        for _ in range(10):
            self.begin()
        self.assertEqual([self.status() for _ in range(20)], [429] * 20)
        self.held[5].set()
        self.wait_free()
        self.begin()
        self.assertEqual([self.status() for _ in range(20)], [429] * 20)

    def test_clients_can_be_told_apart_by_a_header_or_a_cookie(self):
        self.serve(
            {**self.limit(by="header:X-Api-Key"), "name": "h", "match": {"path_prefix": "/h"}},
            {**self.limit(by="cookie:id"), "name": "c", "match": {"path_prefix": "/c"}},
            {"match": {"path_prefix": "/"}, "pool": "web"},
        )
        for path, one, two in (
            ("/h", "x-api-key: one\r\n", "X-API-Key: two\r\n"),
            ("/c", "Cookie: a=b; id=one\r\n", "Cookie: id=two\r\n"),
        ):
            self.begin(path, one)
            self.assertEqual(self.status(path, one), 429)
            self.begin(path, two)
            self.assertEqual(self.status(path, two), 429)
            self.begin(path)  # without it, a client is known by its address
            self.assertEqual(self.status(path), 429)
            self.assertEqual(self.status(path, one + one.replace("one", "three")), 429)
        self.assertEqual(self.status(), 200)  # another route has no limit

    def test_clients_are_known_by_the_addresses_that_a_trusted_proxy_tells(self):
        self.serve(self.limit(), listener={"trusted_proxies": ["127.0.0.0/8"]})
        for client in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
            self.begin(extra=f"X-Forwarded-For: {client}\r\n")
        for client in ("192.0.2.1", "192.0.2.2", "2001:db8::2"):  # one customer has a whole /64
            self.assertEqual(self.status(extra=f"X-Forwarded-For: {client}\r\n"), 429, client)
        self.assertEqual(self.status(extra="X-Forwarded-For: 192.0.2.3\r\n"), 200)

    def test_access_comes_first_and_a_refused_request_costs_no_rate(self):
        self.serve(
            {**self.limit(), "match": {"path": "/none"}, "name": "none", "access": {"deny": ["127.0.0.0/8"]}},
            {**self.limit(), "rate_limit": {"rate": "1/h", "burst": 2}},
        )
        self.assertEqual(self.status("/none"), 403)
        self.begin()
        for _ in range(3):
            answer = self.client(self.port).get("/quick")
            self.assertEqual((answer["status"], answer["fields"]["retry-after"]), (429, "1"))
        self.held[0].set()
        self.wait_free()
        eventually(lambda: "ratelimit" in self.client(self.port).get("/quick")["fields"], "the rate is used up")

    def test_a_reload_keeps_the_counts_and_a_new_maximum_applies_to_them(self):
        self.serve(self.limit(2))
        self.begin()
        old = self.begin()
        self.proxy.reload(
            self.config({"match": {"path": "/new"}, "pool": "web"}, {**self.limit(2), "body_size": "1KiB"})
        )
        self.assertEqual(self.status(), 429)
        self.proxy.reload(self.config(self.limit(3)))
        self.assertEqual(self.status(), 200)
        third = self.begin()
        self.assertEqual(self.status(), 429)
        self.proxy.reload(self.config(self.limit(2)))
        self.held[0].set()
        self.held[1].set()
        self.assertEqual(old.reader.response()["status"], 200)
        self.wait_free()
        self.begin()
        self.assertEqual(self.status(), 429)
        self.held[2].set()
        self.assertEqual(third.reader.response()["status"], 200)

    def test_requests_outlive_a_limit_that_a_reload_removes(self):
        self.serve(self.limit())
        client = self.begin()
        self.proxy.reload(self.config({"name": "api", "pool": "web"}))
        self.assertEqual(self.status(), 200)
        self.proxy.reload(self.config(self.limit()))
        self.wait_free()  # the new limit does not know the old request
        self.held[0].set()
        self.assertEqual(client.reader.response()["status"], 200)
        self.begin()
        self.assertEqual(self.status(), 429)

    def test_the_status_says_how_many_requests_the_limits_of_a_route_refused(self):
        self.serve(
            {**self.limit(), "rate_limit": {"rate": "1/h", "burst": 3}},
            {"name": "free", "match": {"path": "/free"}, "pool": "web"},
        )
        self.begin()
        self.assertEqual([self.status() for _ in range(2)], [429] * 2)
        self.held[0].set()
        eventually(lambda: "ratelimit" in self.client(self.port).get("/quick")["fields"], "the rate is used up")
        routes = self.proxy.status()["routes"]
        self.assertEqual([route["name"] for route in routes], ["api"])
        refused = {limit: routes[0][limit]["refused"] for limit in ("rate_limit", "concurrency_limit")}
        self.assertGreaterEqual(refused["concurrency_limit"], 2)
        self.assertEqual(refused["rate_limit"], 1)
        code, text, _ = self.proxy.command("status", "--admin", f"127.0.0.1:{self.proxy.admin_port}")
        self.assertEqual(code, 0)
        self.assertRegex(
            text, rf"route api: refused 1 by rate_limit and {refused['concurrency_limit']} by concurrency_limit\n"
        )

    def test_limits_that_mean_nothing_are_refused(self):
        for limit, expected in (
            ({}, '"max" is missing'),
            ({"max": 0}, 'concurrency_limit.max: "0" is not a whole number from 1 to 10000'),
            ({"max": 1, "by": "request"}, "a limit needs a client key"),
            ({"max": 1, "by": "ip"}, '"ip" is not a client key'),
            ({"max": 1, "by": "cookie:a=b"}, '"a=b" is not the name of a cookie'),
        ):
            text = route_errors(self, {"pool": "web", "concurrency_limit": limit})
            self.assertTrue(re.search(re.escape(expected), text), (limit, text))


if __name__ == "__main__":
    main()
