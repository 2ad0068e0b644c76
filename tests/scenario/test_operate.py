"""Drain, maint, ready and weights at run time, and their effect on open connections."""
import os
import signal

from support.scenario import Client, Scenario, eventually, flow, free_port, main, web


def websocket(connection, request):
    """Accepts any upgrade, then echoes."""
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    while data := connection.recv(65536):
        connection.sendall(data)


class RunTime(Scenario):
    def serve(self, **kwargs):
        self.port, self.pool = free_port(), {}
        self.one, self.two = self.backend(name="one"), self.backend(name="two")
        self.proxy = self.weir(self.config(), **kwargs)

    def config(self, weight=1, drain_timeout="10s"):
        return web(self.port, [self.one.entry(weight=weight), self.two.entry()], pool=self.pool)

    def shares(self, count=20):
        got = {}
        with Client(self.port) as client:
            for _ in range(count):
                name = client.get("/")["fields"]["x-backend"]
                got[name] = got.get(name, 0) + 1
        return got

    def command(self, *args):
        code, out, err = self.proxy.command(*args, "-c", self.proxy.path)
        self.assertEqual(code, 0, err)
        return out

    def test_drain_maint_ready_and_clear_by_command(self):
        self.serve()
        out = self.command("drain", "web/two")
        self.assertIn("web/two: drain, weight 1 (the file has ready, weight 1; weir clear web/two restores that)", out)
        self.assertEqual(self.shares(), {"one": 20})
        self.assertEqual(self.proxy.states(), ["up", "drain"])
        self.command("maint", "web/two")
        self.assertEqual(self.proxy.states(), ["up", "maint"])
        self.command("ready", "web/two")
        self.assertEqual(self.proxy.states(), ["up", "up"])
        self.assertEqual(sum(self.shares().values()), 20)
        self.assertEqual(set(self.shares()), {"one", "two"})
        self.command("drain", "web/one")
        self.assertEqual(self.command("clear", "web/one"), "web/one: up, weight 1\n")
        self.assertNotIn("override", self.proxy.backends()["one"])

    def test_weights_by_command_and_by_the_api(self):
        self.serve(workers=1)
        self.command("weight", "web/one", "4")
        self.assertEqual(self.shares(20), {"one": 16, "two": 4})
        status, body = self.proxy.admin("POST", "/api/v1/backends/web/one?weight=9")
        self.assertEqual(status, 200, body)
        self.assertEqual(self.shares(20), {"one": 18, "two": 2})

    def test_what_was_changed_stays_over_reloads_and_shows_beside_the_file(self):
        self.serve(workers=1)
        self.command("weight", "web/one", "3")
        self.command("drain", "web/two")
        self.pool = {"keepalive": {"max_idle": 3}}
        self.assertEqual(self.proxy.reload(self.config(weight=2))["verdict"], "applied")
        backends = self.proxy.backends()
        self.assertEqual((backends["one"]["weight"], backends["one"]["file"]), (3, {"state": "ready", "weight": 2}))
        self.assertEqual((backends["two"]["state"], backends["two"]["override"]), ("drain", {"state": "drain"}))
        self.assertIn("changed at run time; the file has ready, weight 2", self.command("status"))
        self.command("clear", "web/one")
        self.command("clear", "web/two")
        self.assertEqual(self.shares(21), {"one": 14, "two": 7})

    def test_what_was_changed_stays_over_an_upgrade_of_the_binary(self):
        self.serve()
        self.command("drain", "web/two")
        self.proxy.signal(signal.SIGUSR2)
        self.assertEqual(self.proxy.process.wait(30), 0)  # the old one: from here on only the new one answers
        new = self.proxy.status()["pid"]
        self.addCleanup(lambda: os.kill(new, signal.SIGTERM))
        self.assertEqual(self.proxy.states(), ["up", "drain"])
        self.assertEqual(self.shares(), {"one": 20})

    def test_nonsense_is_refused_and_changes_nothing(self):
        self.serve()
        for target, status in (
            ("web/three?state=drain", 404),
            ("wob/one?state=drain", 404),
            ("web?state=drain", 404),
            ("web/one?state=dran", 400),
            ("web/one?weight=0", 400),
            ("web/one?weight=257", 400),
            ("web/one", 400),
            ("web/one?weight=2&state=x", 400),
        ):
            self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/" + target)[0], status, target)
        self.assertEqual(self.proxy.admin("GET", "/api/v1/backends/web/one?state=drain")[0], 404)
        self.assertEqual(self.proxy.states(), ["up", "up"])
        self.assertNotIn("override", self.proxy.backends()["one"])
        code, _, err = self.proxy.command("drain", "web/three", "-c", self.proxy.path)
        self.assertEqual(code, 1)
        self.assertIn("there is no backend web/three", err)
        self.assertEqual(self.proxy.command("weight", "web/one", "0", "-c", self.proxy.path)[0], 2)


class OpenConnections(Scenario):
    def serve(self, close_after="", drain_timeout="10s"):
        self.port, self.tcp = free_port(), free_port()
        self.echo, self.other = self.backend(websocket, name="echo"), self.backend(name="other")
        self.close_after, self.drain_timeout, self.state_dir = close_after, drain_timeout, self.folder()
        self.proxy = self.weir(self.config(), state_dir=self.state_dir)

    def config(self, with_echo=True):
        process = {"workers": 2, "state_dir": self.state_dir, "drain_timeout": self.drain_timeout}
        return web(
            self.port,
            [self.echo.entry()] * with_echo + [self.other.entry(backup=with_echo)],
            pool={"close_after": self.close_after} if self.close_after else {},
            listeners={"tcp": {"address": f"127.0.0.1:{self.tcp}", "protocol": "tcp", "pool": "web"}},
            more=f"process: {flow(process)}",
        )

    def connect(self):
        clients = []
        for port in (self.port, self.tcp):
            client = self.client(port)
            self.assertEqual(client.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
            clients.append(client)
        return clients

    def echoes(self, client):
        client.send("ping")
        return client.reader.exactly(4) == b"ping"

    def test_drain_keeps_connections_and_maint_ends_them_after_drain_timeout(self):
        self.serve(drain_timeout="3s")
        clients = self.connect()
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/echo?state=drain")[0], 200)
        for client in clients:
            self.assertTrue(self.echoes(client))
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/echo?state=maint")[0], 200)
        for client in clients:
            self.assertTrue(self.echoes(client))
        for client in clients:
            self.assertEqual(client.rest(), b"")
        eventually(lambda: self.proxy.backends()["echo"]["active"] == 0, "nothing is left")
        self.assertEqual(self.proxy.backends()["echo"]["state"], "maint")

    def test_a_backend_that_is_ready_again_in_time_is_spared(self):
        self.serve(drain_timeout="3s")
        self.other.script = websocket
        clients = self.connect()
        self.proxy.admin("POST", "/api/v1/backends/web/echo?state=maint")
        others = self.connect()
        self.proxy.admin("POST", "/api/v1/backends/web/echo?state=ready")
        self.proxy.admin("POST", "/api/v1/backends/web/other?state=maint")
        for client in others:
            self.assertEqual(client.rest(), b"")  # the drain timeout of this backend is over
        for client in clients:
            self.assertTrue(self.echoes(client))

    def test_a_removed_backend_keeps_its_connections_until_they_are_done(self):
        self.serve()
        clients = self.connect()
        self.assertEqual(self.proxy.reload(self.config(with_echo=False))["verdict"], "applied")
        for client in clients:
            self.assertTrue(self.echoes(client))

    def test_close_after_bounds_that(self):
        self.serve(close_after="3s")
        clients = self.connect()
        self.assertEqual(self.proxy.reload(self.config(with_echo=False))["verdict"], "applied")
        for client in clients:
            self.assertTrue(self.echoes(client))
        for client in clients:
            self.assertEqual(client.rest(), b"")
        with Client(self.port) as client:
            self.assertEqual(client.get("/")["fields"]["x-backend"], "other")

    def test_close_after_bounds_only_those_whose_route_or_listener_is_removed(self):
        self.serve(close_after="3s")
        route = "routes: [{name: ws, match: {path_prefix: /ws}, pool: web}]\n"
        self.assertEqual(self.proxy.reload(self.config() + route)["verdict"], "applied")
        http, tcp = self.connect()  # the HTTP client through the route
        stays = self.client(self.port)
        self.assertEqual(stays.get("/other-ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        self.assertEqual(self.proxy.reload(self.config())["verdict"], "applied")
        self.assertTrue(self.echoes(http))
        self.assertEqual(http.rest(), b"")
        self.assertTrue(self.echoes(tcp) and self.echoes(stays))
        no_tcp = "\n".join(line for line in self.config().splitlines() if "protocol: tcp" not in line) + "\n"
        self.assertEqual(self.proxy.reload(no_tcp)["verdict"], "applied")
        self.assertTrue(self.echoes(tcp))
        self.assertEqual(tcp.rest(), b"")
        self.assertTrue(self.echoes(stays))

    def test_a_way_that_comes_back_in_time_spares_its_connections(self):
        self.serve(close_after="5s")
        route = "routes: [{name: ws, match: {path_prefix: /ws}, pool: web}]\n"
        self.proxy.reload(self.config() + route)
        http, _ = self.connect()
        self.proxy.reload(self.config())
        self.proxy.reload(self.config() + route)
        witness = self.client(self.tcp)  # its listener is removed for good, later
        self.assertEqual(witness.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        no_tcp = "\n".join(line for line in self.config().splitlines() if "protocol: tcp" not in line) + "\n"
        self.proxy.reload(no_tcp + route)
        self.assertEqual(witness.rest(), b"")
        self.assertTrue(self.echoes(http))

    def test_a_request_that_is_cut_before_its_answer_is_tried_elsewhere(self):
        self.serve(drain_timeout="300ms")
        self.echo.script = lambda connection, request: connection.recv(1)  # never answers
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: len(self.echo.requests) == 1, "it is asked")
        self.proxy.admin("POST", "/api/v1/backends/web/echo?state=maint")
        self.assertEqual(client.reader.response()["fields"]["x-backend"], "other")


if __name__ == "__main__":
    main()
