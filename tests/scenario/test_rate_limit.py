"""The rate limit of a route: who is limited, what a limited client is told, and what a reload keeps."""
import json
import re

from support.route_errors import route_errors
from support.scenario import Scenario, eventually, free_port, main, web

FEW = {"rate": "1/h", "burst": 3}  # no test takes so long that a request comes back


class RateLimit(Scenario):
    def serve(self, *routes, listener=None, **keys):
        self.port = free_port()
        self.seen = self.backend()
        self.listener = listener
        self.proxy = self.weir(self.config(*routes), **keys)

    def config(self, *routes):
        return web(self.port, [self.seen], listener=self.listener, more=f"routes: {json.dumps(routes)}\n")

    def statuses(self, count, target="/", extra=""):
        return [self.client(self.port).get(target, extra=extra)["status"] for _ in range(count)]

    def test_requests_over_the_burst_get_a_429_that_says_when_to_come_again(self):
        self.serve({"name": "api", "match": {"path": "/in"}, "pool": "web", "rate_limit": FEW}, workers=2)
        self.assertEqual(self.statuses(4, "/in"), [200, 200, 200, 429])
        answer = self.client(self.port).get("/in")
        self.assertEqual(
            (answer["first"], answer["body"]), ("HTTP/1.1 429 Too Many Requests", b"429 Too Many Requests\n")
        )
        fields = answer["fields"]
        self.assertTrue(3500 < int(fields["retry-after"]) <= 3600, fields)
        self.assertEqual(fields["ratelimit-policy"], '"api";q=3;w=10800')
        self.assertEqual(fields["ratelimit"], f'"api";r=0;t={fields["retry-after"]}')
        self.assertEqual(self.statuses(2, "/out"), [200, 200])
        self.assertEqual(len(self.seen.requests), 5)

    def test_a_limited_request_is_logged_and_counted_under_its_route(self):
        self.serve({"name": "api", "pool": "web", "rate_limit": {"rate": "1/d"}})
        self.assertEqual(self.statuses(2), [200, 429])
        name = 'weir_failures_total{listener="web",pool="web",route="api",reason="rate_limited"}'
        eventually(lambda: self.proxy.metrics().get(name) == 1, "the failure is counted")
        self.proxy.wait_logged('request failed: rate_limited.*route="api"')

    def test_the_connection_stays_open(self):
        self.serve({"pool": "web", "rate_limit": {"rate": "1/d"}})
        client = self.client(self.port)
        self.assertEqual([client.get("/")["status"] for _ in range(3)], [200, 429, 429])

    def test_a_client_is_known_by_its_address_that_a_trusted_proxy_tells(self):
        self.serve({"pool": "web", "rate_limit": FEW}, listener={"trusted_proxies": ["127.0.0.0/8"]})
        clients = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1")
        for client in clients:
            self.assertEqual(self.statuses(4, extra=f"X-Forwarded-For: {client}\r\n"), [200, 200, 200, 429], client)
        # One customer has a whole /64.
        for client in ("2001:db8::2", "2001:db8::ffff:1"):
            self.assertEqual(self.statuses(1, extra=f"X-Forwarded-For: {client}\r\n"), [429], client)

    def test_an_untrusted_client_cannot_choose_whose_limit_it_uses(self):
        self.serve({"pool": "web", "rate_limit": FEW})
        statuses = [self.statuses(1, extra=f"X-Forwarded-For: 192.0.2.{i}\r\n")[0] for i in range(4)]
        self.assertEqual(statuses, [200, 200, 200, 429])

    def test_clients_can_be_told_apart_by_a_header_or_a_cookie(self):
        self.serve(
            {"match": {"path": "/h"}, "pool": "web", "rate_limit": {**FEW, "by": "header:X-Api-Key"}},
            {"match": {"path": "/c"}, "pool": "web", "rate_limit": {**FEW, "by": "cookie:id"}},
        )
        for key in ("one", "two"):
            self.assertEqual(self.statuses(4, "/h", extra=f"x-api-key: {key}\r\n"), [200, 200, 200, 429], key)
            self.assertEqual(self.statuses(4, "/c", extra=f"Cookie: a=b; id={key}\r\n"), [200, 200, 200, 429], key)
        self.assertEqual(self.statuses(1, "/c", extra="Cookie: id=one\r\n"), [429])
        for cookies in ("id=x; id=y", "id=x; a=b; id=z"):  # not one and the same client, so by its address
            self.assertEqual(self.statuses(1, "/c", extra=f"Cookie: {cookies}\r\n"), [200])
        self.assertEqual(self.statuses(2, "/c"), [200, 429])
        # Without it, or with several, clients are known by their addresses.
        self.assertEqual(self.statuses(3, "/h"), [200, 200, 200])
        client = self.client(self.port)
        client.send("GET /h HTTP/1.1\r\nHost: a\r\nX-Api-Key: x\r\nX-Api-Key: y\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 429)

    def test_redirects_and_fixed_responses_are_limited_too(self):
        self.serve(
            {"match": {"path": "/r"}, "redirect": {"to": "/"}, "rate_limit": {"rate": "1/d"}},
            {"match": {"path": "/f"}, "respond": {"body": "x"}, "rate_limit": {"rate": "1/d"}},
        )
        self.assertEqual(self.statuses(2, "/r"), [302, 429])
        self.assertEqual(self.statuses(2, "/f"), [200, 429])

    def test_a_reload_keeps_the_counts_of_a_limit_that_stays(self):
        route = {"name": "api", "pool": "web", "rate_limit": FEW}
        self.serve(route)
        self.assertEqual(self.statuses(4), [200, 200, 200, 429])
        self.proxy.reload(self.config({"match": {"path": "/new"}, "pool": "web"}, {**route, "body_size": "1KiB"}))
        self.assertEqual(self.statuses(1), [429])
        self.proxy.reload(self.config({**route, "rate_limit": {**FEW, "burst": 4}}))
        self.assertEqual(self.statuses(5), [200, 200, 200, 200, 429])

    def test_a_limit_over_all_workers_is_one_limit(self):
        self.serve({"pool": "web", "rate_limit": {"rate": "1/h", "burst": 20}}, workers=4)
        self.assertEqual(sorted(self.statuses(40)), [200] * 20 + [429] * 20)

    def test_limits_that_mean_nothing_are_refused(self):
        for limit, expected in (
            (
                {"rate": "100"},
                '"100" is not a rate: write a number of requests up to 1000000 and a time, such as 100/s',
            ),
            ({"rate": "0/s"}, '"0/s" is not a rate'),
            ({"rate": "1/ms"}, '"1/ms" is not a rate'),
            ({"rate": "1/s", "by": "ip"}, '"ip" is not a client key: write client_ip, header:NAME'),
            ({"rate": "1/s", "by": "request"}, "a limit needs a client key"),
            ({"rate": "1/s", "by": "header:a b"}, "rate_limit.by"),
            ({"rate": "1/s", "by": "header:"}, "rate_limit.by"),
            ({"rate": "1/s", "by": "cookie:a=b"}, '"a=b" is not the name of a cookie'),
            ({"burst": 3}, '"rate" is missing'),
        ):
            text = route_errors(self, {"pool": "web", "rate_limit": limit})
            self.assertTrue(re.search(re.escape(expected), text), (limit, text))


if __name__ == "__main__":
    main()
