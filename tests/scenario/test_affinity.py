"""Affinity and limits: sticky cookies, hashing, connection limits and the queue."""
import threading

from support.scenario import Client, Scenario, eventually, free_port, main, web


def cookie_of(answer):
    return answer["fields"]["set-cookie"].split(";")[0]


STICKY = {"sticky": {"cookie": "home"}}
CHECK = {"type": "http", "interval": "200ms", "timeout": "200ms", "fall": 20, "rise": 1}


class Sticky(Scenario):
    def serve(self, pool=STICKY, **kwargs):
        self.port = free_port()
        self.names = ["one", "two", "three"]
        self.behind = [self.backend(name=name) for name in self.names]
        self.proxy = self.weir(self.config(pool), **kwargs)

    def config(self, pool=STICKY, states=None, listener=None):
        listed = [b.entry(state=(states or {}).get(b.name, "ready")) for b in self.behind]
        return web(self.port, listed, CHECK, pool=pool, listener=listener)

    def ask(self, cookie=None, extra=""):
        with Client(self.port) as client:
            return client.get("/", extra=(f"Cookie: a=b; {cookie}\r\n" if cookie else "") + extra)

    def test_a_client_stays_with_its_backend_over_reload_and_restart(self):
        self.serve(workers=1)  # each worker has its own rotation
        self.proxy.wait_up(3)
        homes = {}
        for _ in range(3):
            answer = self.ask()
            homes[cookie_of(answer)] = answer["fields"]["x-backend"]
            self.assertTrue(answer["fields"]["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax"))
        self.assertEqual(sorted(homes.values()), sorted(self.names))

        def all_at_home():
            for cookie, home in homes.items():
                for _ in range(4):
                    answer = self.ask(cookie)
                    self.assertEqual(answer["fields"]["x-backend"], home)
                    self.assertNotIn("set-cookie", answer["fields"])  # the client has one

        all_at_home()
        self.behind.reverse()  # another order in the file
        self.assertEqual(self.proxy.reload(self.config({"algorithm": "random", **STICKY}))["verdict"], "applied")
        all_at_home()
        self.proxy.stop()
        self.proxy = self.weir(self.config())
        self.proxy.wait_up(3)
        all_at_home()

    def test_a_client_whose_backend_is_out_gets_another_and_stays_there(self):
        self.serve()
        self.proxy.wait_up(3)
        answer = self.ask()
        first, home = cookie_of(answer), answer["fields"]["x-backend"]
        dead = next(b for b in self.behind if b.name == home)
        dead.close()
        eventually(lambda: self.proxy.backends()[home]["state"] == "down", "it is out")
        answer = self.ask(first)
        second = cookie_of(answer)
        self.assertNotEqual(answer["fields"]["x-backend"], home)
        self.assertEqual(self.ask(second)["fields"]["x-backend"], answer["fields"]["x-backend"])
        dead.open()
        self.proxy.wait_up(3)
        self.assertEqual(self.ask(first)["fields"]["x-backend"], home)
        self.assertEqual(self.ask(second)["fields"]["x-backend"], answer["fields"]["x-backend"])

    def test_a_drained_backend_keeps_its_clients_and_gets_no_new_ones(self):
        self.serve()
        self.proxy.wait_up(3)
        answer = self.ask()
        mine, home = cookie_of(answer), answer["fields"]["x-backend"]
        self.proxy.reload(self.config(states={home: "drain"}))
        for _ in range(6):
            self.assertEqual(self.ask(mine)["fields"]["x-backend"], home)
            self.assertNotEqual(self.ask()["fields"]["x-backend"], home)
        self.proxy.reload(self.config(states={home: "maint"}))
        self.assertNotEqual(self.ask(mine)["fields"]["x-backend"], home)

    def test_a_client_whose_backend_refused_once_returns_to_its_pinned_backend(self):
        """Its backend refuses one connection: another one serves the client, which keeps its cookie and comes back."""
        self.port = free_port()
        self.behind = [self.backend(name="one"), self.backend(name="two")]
        self.proxy = self.weir(web(self.port, [b.entry() for b in self.behind], pool=STICKY), workers=1)
        answer = self.ask()
        mine, home = cookie_of(answer), answer["fields"]["x-backend"]
        backend = next(b for b in self.behind if b.name == home)
        backend.close()
        guest = self.ask(mine)
        self.assertNotEqual(guest["fields"]["x-backend"], home)
        guest = self.ask(mine)
        self.assertNotIn("set-cookie", guest["fields"])
        backend.open()
        eventually(lambda: self.ask(mine)["fields"]["x-backend"] == home, "it is at home again")

    def test_a_cookie_for_an_unknown_backend_is_ignored(self):
        self.serve()
        self.proxy.wait_up(3)
        for claim in ("home=", "home=one", "home=0123456789abcdef-01234567", "home=" + "f" * 5000):
            answer = self.ask(claim)
            self.assertEqual(answer["status"], 200)
            self.assertIn("set-cookie", answer["fields"])

    def test_the_cookie_has_its_configured_age_and_is_secure_behind_tls(self):
        self.serve(pool={"sticky": {"ttl": "1h"}})
        self.proxy.wait_up(3)
        self.assertIn("weir_backend=", cookie_of(self.ask()))
        self.assertIn("Max-Age=3600", self.ask()["fields"]["set-cookie"])
        aged = cookie_of(self.ask())[:-8] + "00000001"
        self.assertIn("set-cookie", self.ask(aged)["fields"])
        self.assertNotIn(
            "Secure", self.ask(extra="X-Forwarded-Proto: https\r\n")["fields"]["set-cookie"]
        )  # the client is not trusted
        self.proxy.reload(self.config({"sticky": {}}, listener={"trusted_proxies": ["127.0.0.1"]}))
        self.assertIn("; Secure", self.ask(extra="X-Forwarded-Proto: https\r\n")["fields"]["set-cookie"])


class Hash(Scenario):
    def serve(self, hash_by):
        self.port = free_port()
        behind = [self.backend(name=f"b{i}") for i in range(4)]
        self.weir(web(self.port, behind, pool={"algorithm": "hash", "hash": hash_by}))

    def ask(self, path="/", extra=""):
        with Client(self.port) as client:
            return client.get(path, extra=extra)["fields"]["x-backend"]

    def test_by_header_cookie_path_and_address(self):
        for by, request in (
            ({"on": "header", "name": "X-User"}, lambda i: ("/", f"x-user: {i}\r\n")),
            ({"on": "cookie", "name": "id"}, lambda i: ("/", f"Cookie: id={i}\r\n")),
            ({"on": "path"}, lambda i: (f"/{i}?{i}", "")),
        ):
            self.serve(by)
            homes = {i: self.ask(*request(i)) for i in range(40)}
            self.assertEqual(len(set(homes.values())), 4)
            for i, home in homes.items():
                self.assertEqual(self.ask(*request(i)), home)
        self.serve({"on": "source_ip"})
        self.assertEqual(len({self.ask(f"/{i}") for i in range(10)}), 1)

    def test_a_request_without_the_header_goes_anywhere(self):
        self.serve({"on": "header", "name": "X-User"})
        self.assertGreater(len({self.ask() for _ in range(40)}), 1)


class Limits(Scenario):
    """Backends that answer when the test says so."""

    def serve(self, queue=None, limit=1, count=2, workers=2):
        self.port = free_port()
        self.gate, self.lock, self.now, self.most = threading.Semaphore(0), threading.Lock(), {}, {}
        self.behind = [self.backend(self.slow, name=f"b{i}") for i in range(count)]
        listed = [{"address": b.address, "max_connections": limit} for b in self.behind]
        self.proxy = self.weir(web(self.port, listed, pool=queue and {"queue": queue}), workers=workers)

    def slow(self, connection, request):
        peer = connection.getsockname()[1]
        with self.lock:
            self.now[peer] = self.now.get(peer, 0) + 1
            self.most[peer] = max(self.most.get(peer, 0), self.now[peer])
        self.gate.acquire()
        with self.lock:
            self.now[peer] -= 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def begin(self, path="/"):
        client = self.client(self.port)
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
        return client

    def busy(self):
        return sum(self.now.values())

    def wait_free(self):
        """Waits until all slots are free: a request leaves its slot after its client has the response."""
        eventually(lambda: not any(b["active"] for b in self.proxy.backends().values()), "the slots are free")

    def length(self):
        return self.proxy.status()["pools"][0]["queue"]["length"]

    def test_without_a_queue_a_full_pool_answers_503_at_once(self):
        self.serve()
        held = [self.begin() for _ in range(2)]
        eventually(lambda: self.busy() == 2, "both are busy")
        answer = self.begin().reader.response()
        self.assertEqual((answer["status"], answer["fields"]["retry-after"]), (503, "1"))
        self.gate.release(2)
        for client in held:
            self.assertEqual(client.reader.response()["status"], 200)
        self.wait_free()
        self.gate.release()
        self.assertEqual(self.begin().reader.response()["status"], 200)

    def test_queued_requests_are_served_in_order_across_workers(self):
        self.serve({"max": 100, "timeout": "30s"}, limit=1, count=1)
        held = self.begin("/held")
        eventually(lambda: self.busy() == 1, "it is busy")
        waiting = []
        for i in range(20):
            waiting.append(self.begin(f"/{i}"))
            eventually(lambda: self.length() == i + 1, "it waits")
        self.gate.release(21)
        for client in [held, *waiting]:
            self.assertEqual(client.reader.response()["status"], 200)
        order = [int(r["target"][1:]) for r in self.behind[0].requests if r["target"] != "/held"]
        self.assertEqual(sorted(order), list(range(20)))
        # The first entry of each worker also polls, and may take a slot whose notification is on its way.
        early = [n for i, n in enumerate(order) if any(m < n for m in order[i + 1 :])]
        self.assertLessEqual(len(early), 4, order)
        self.assertEqual(max(self.most.values()), 1)
        self.assertEqual(self.length(), 0)

    def test_a_queue_that_overflows_and_one_that_takes_too_long_answer_503(self):
        self.serve({"max": 1, "timeout": "4s"}, count=1)
        held = self.begin()
        eventually(lambda: self.busy() == 1, "it is busy")
        waits = self.begin()
        eventually(lambda: self.length() == 1, "one waits")
        answer = self.begin().reader.response()
        self.assertEqual((answer["status"], answer["fields"]["retry-after"]), (503, "4"))
        self.assertEqual(waits.reader.response()["status"], 503)
        self.assertEqual(self.length(), 0)
        self.gate.release()
        self.assertEqual(held.reader.response()["status"], 200)

    def test_a_client_that_leaves_the_queue_occupies_no_slot(self):
        self.serve({"max": 10, "timeout": "30s"}, count=1)
        held = self.begin()
        eventually(lambda: self.busy() == 1, "it is busy")
        leaves, stays = self.begin(), None
        eventually(lambda: self.length() == 1, "one waits")
        stays = self.begin("/stays")
        eventually(lambda: self.length() == 2, "two wait")
        leaves.close()
        eventually(lambda: self.length() == 1, "it has left")
        self.gate.release(2)
        self.assertEqual(held.reader.response()["status"], 200)
        self.assertEqual(stays.reader.response()["status"], 200)
        self.assertEqual([r["target"] for r in self.behind[0].requests], ["/", "/stays"])

    def test_no_backend_ever_has_more_than_its_limit(self):
        self.serve({"max": 1000, "timeout": "30s"}, limit=3, count=2)
        self.gate.release(300)
        clients = [self.client(self.port) for _ in range(60)]
        for _ in range(5):
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for client in clients:
                self.assertEqual(client.reader.response()["status"], 200)
        self.assertLessEqual(max(self.most.values()), 3)
        self.assertEqual(sum(len(b.requests) for b in self.behind), 300)

    def test_queued_requests_are_served_by_a_backend_that_a_reload_adds(self):
        self.serve({"max": 10, "timeout": "10m"}, count=1)
        held = self.begin("/held")
        eventually(lambda: self.busy() == 1, "it is busy")
        waiting = [self.begin(f"/{i}") for i in range(3)]
        eventually(lambda: self.length() == 3, "they wait")
        other = self.backend(name="other")
        listed = [{"address": b.address, "max_connections": 1} for b in (self.behind[0], other)]
        config = web(self.port, listed, pool={"queue": {"max": 10, "timeout": "10m"}})
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        for client in waiting:
            self.assertEqual(client.reader.response()["fields"]["x-backend"], "other")
        self.gate.release()
        self.assertEqual(held.reader.response()["status"], 200)

    def test_a_limit_that_a_reload_brings_counts_what_is_in_flight_already(self):
        self.serve(limit=0, count=1)
        held = [self.begin() for _ in range(2)]
        eventually(lambda: self.busy() == 2, "both are in flight")
        self.proxy.reload(web(self.port, [{"address": self.behind[0].address, "max_connections": 2}]))
        self.assertEqual(self.begin().reader.response()["status"], 503)
        self.gate.release(3)
        for client in held:
            self.assertEqual(client.reader.response()["status"], 200)
        self.wait_free()
        self.assertEqual(self.begin().reader.response()["status"], 200)

    def test_tcp_connections_wait_as_well(self):
        self.port = free_port()
        behind = self.backend(name="b")
        self.proxy = self.weir(
            f"""listeners: {{db: {{address: "127.0.0.1:{self.port}", protocol: tcp, pool: web}}}}
pools: {{web: {{backends: [{{address: "{behind.address}", max_connections: 1}}], queue: {{max: 5, timeout: 30s}}}}}}
"""
        )
        first, second = self.client(self.port), None
        self.assertEqual(first.get("/1")["status"], 200)
        second = self.client(self.port)
        second.send(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.length() == 1, "it waits")
        first.close()
        self.assertEqual(second.reader.response()["status"], 200)


class Backups(Scenario):
    def test_a_backup_serves_only_while_no_other_does(self):
        port, one, backup = free_port(), self.backend(name="one"), self.backend(name="backup")
        proxy = self.weir(web(port, [one, {"address": backup.address, "backup": True}], CHECK))
        proxy.wait_up(2)

        def serves():
            with Client(port) as client:
                return client.get("/")["fields"].get("x-backend")

        self.assertEqual({serves() for _ in range(10)}, {"one"})
        one.close()
        eventually(lambda: "down" in proxy.states(), "it is out")
        self.assertEqual({serves() for _ in range(10)}, {"backup"})
        one.open()
        proxy.wait_up(2)
        self.assertEqual({serves() for _ in range(10)}, {"one"})


if __name__ == "__main__":
    main()
