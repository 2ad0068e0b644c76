"""Routes that split their requests between pools."""
import collections
import json

from support.route_errors import route_errors
from support.scenario import Scenario, eventually, free_port, main


class Split(Scenario):
    def setUp(self):
        self.port = free_port()
        self.old, self.new = self.backend(name="old"), self.backend(name="new")

    def config(self, shares, listener=None, **route):
        pools = {"old": {"backends": [self.old.address]}, "new": {"backends": [self.new.address]}}
        listeners = {"web": {"address": f"127.0.0.1:{self.port}", **(listener or {})}}
        routes = [{"name": "canary", "split": shares, **route}]
        return "".join(
            f"{key}: {json.dumps(value)}\n"
            for key, value in (("listeners", listeners), ("routes", routes), ("pools", pools))
        )

    def serve(self, shares, **keys):
        self.proxy = self.weir(self.config(shares, **keys))

    def served_by(self, count, extra=lambda _: ""):
        """Returns how many of `count` requests each backend got. `extra` returns the header lines of each."""
        client = self.client(self.port)
        got = collections.Counter()
        for i in range(count):
            before = len(self.new.requests)
            client.get("/", extra=extra(i))
            got["new" if len(self.new.requests) > before else "old"] += 1
        return got

    def test_each_pool_gets_its_share(self):
        self.serve({"old": "75%", "new": "25%"})
        got = self.served_by(800)
        self.assertTrue(120 < got["new"] < 280, got)  # 200, more than six standard deviations to each side
        names = [f'weir_requests_total{{listener="web",pool="{p}",route="canary",code="200"}}' for p in ("old", "new")]
        eventually(lambda: [self.proxy.metrics().get(n) for n in names] == [got["old"], got["new"]], "all are counted")

    def test_nothing_goes_to_a_pool_without_a_share(self):
        self.serve({"old": "100%", "new": "0%"})
        self.assertEqual(self.served_by(100), {"old": 100})

    def test_a_client_stays_with_its_pool_by_cookie(self):
        self.serve({"old": "50%", "new": "50%"}, split_by="cookie:id")
        pools = {}
        for user in range(60):
            got = self.served_by(3, lambda _, user=user: f"Cookie: id=user{user}\r\n")
            self.assertEqual(len(got), 1, (user, got))
            pools[user] = got.most_common()[0][0]
        self.assertTrue(10 < list(pools.values()).count("new") < 50, pools)
        # A larger share moves clients one way only, and none in a process that starts anew.
        self.proxy.reload(self.config({"old": "20%", "new": "80%"}, split_by="cookie:id"))
        self.proxy.stop()
        self.proxy = self.weir(self.config({"old": "20%", "new": "80%"}, split_by="cookie:id"))
        for user, pool in pools.items():
            got = self.served_by(1, lambda _, user=user: f"Cookie: id=user{user}\r\n")
            if pool == "new":
                self.assertEqual(got, {"new": 1}, user)

    def test_a_client_stays_with_its_pool_by_address(self):
        trusted = {"trusted_proxies": ["127.0.0.0/8"]}
        self.serve({"old": "50%", "new": "50%"}, listener=trusted, split_by="client_ip")
        one = self.served_by(20, lambda _: "X-Forwarded-For: 192.0.2.1\r\n")
        self.assertEqual(len(one), 1, one)
        all_clients = self.served_by(100, lambda i: f"X-Forwarded-For: 192.0.2.{i}\r\n")
        self.assertEqual(len(all_clients), 2, all_clients)

    def test_a_split_that_does_not_add_up_is_refused(self):
        for route, expected in (
            ({"split": {"web": "90%"}}, "the shares add up to 90%: make them 100%"),
            ({"split": {"web": "100"}}, '"100" is not a share: write 0% to 100%'),
            ({"split": {"wep": "100%"}}, 'split.wep: unknown pool "wep" (did you mean "web"?)'),
            ({"split": {"web": "100%"}, "pool": "web"}, "a route has one of pool, split, redirect and respond"),
            ({"pool": "web", "split_by": "client_ip"}, "split_by: has no effect without split"),
            ({"split": {"web": "100%"}, "split_by": "ip"}, '"ip" is not a client key'),
        ):
            self.assertIn(expected, route_errors(self, route), route)


if __name__ == "__main__":
    main()
