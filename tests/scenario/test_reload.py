"""Reload: how it is triggered, and that what an edit does not touch stays."""
import os
import signal
import socket
import subprocess
import threading

from support.scenario import SANITIZED, Scenario, can_connect, eventually, free_port, main, web

CHECK = "{type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 20}"


def websocket(connection, request):
    if "upgrade" not in request["fields"]:
        return connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    while data := connection.recv(1000):
        connection.sendall(data)


class Triggers(Scenario):
    def setUp(self):
        self.port, self.one, self.two = free_port(), self.backend(name="one"), self.backend(name="two")
        self.proxy = self.weir(web(self.port, [self.one]), watch=True)

    def wait_applied(self, count):
        eventually(
            lambda: self.proxy.metrics()['weir_reloads_total{verdict="applied"}'] == count,
            f"{count} reloads are applied",
        )

    def both(self):
        return self.proxy.whole(web(self.port, [self.one, self.two]))

    def test_a_file_renamed_over_is_seen(self):
        self.proxy.write(web(self.port, [self.one, self.two]))
        self.wait_applied(1)
        self.assertEqual(len(self.proxy.backends()), 2)

    def test_a_file_truncated_and_written_is_seen(self):
        with open(self.proxy.path, "w") as f:
            f.write(self.both()[:50])
            f.flush()
            f.write(self.both()[50:])
        self.wait_applied(1)

    def test_a_swapped_symbolic_link_is_seen(self):
        directory = self.proxy.directory
        for version, text in (("v1", self.proxy.whole(web(self.port, [self.one]))), ("v2", self.both())):
            os.mkdir(os.path.join(directory, version))
            with open(os.path.join(directory, version, "weir.yaml"), "w") as f:
                f.write(text)
        os.symlink("v1", os.path.join(directory, "current"))
        os.symlink("current/weir.yaml", os.path.join(directory, "link"))
        os.rename(os.path.join(directory, "link"), self.proxy.path)
        self.proxy.reload()
        os.symlink("v2", os.path.join(directory, "next"))
        os.rename(os.path.join(directory, "next"), os.path.join(directory, "current"))
        self.wait_applied(1)
        self.assertEqual(len(self.proxy.backends()), 2)

    def test_hup_and_the_command(self):
        self.proxy.reload(web(self.port, [self.one], more="reload: {watch: false}"))
        self.wait_applied(1)
        self.proxy.write(web(self.port, [self.one, self.two], more="reload: {watch: false}"))
        self.proxy.signal(signal.SIGHUP)
        self.wait_applied(2)
        self.proxy.write(web(self.port, [self.two], more="reload: {watch: false}"))
        code, out, _ = self.proxy.command("reload", "--wait", "-c", self.proxy.path)
        self.assertEqual((code, self.proxy.metrics()['weir_reloads_total{verdict="applied"}']), (0, 3))
        self.assertIn(f"- backend web/{self.one.address}", out)
        self.assertIn("applied (hash ", out)

    def test_an_included_file_that_appears_is_seen(self):
        os.mkdir(os.path.join(self.proxy.directory, "conf.d"))
        self.proxy.reload(web(self.port, [self.one], more="include: [conf.d/*.yaml]"))
        with open(os.path.join(self.proxy.directory, "conf.d", "more.yaml"), "w") as f:
            f.write(f'pools: {{more: {{backends: ["{self.two.address}"]}}}}\n')
        eventually(lambda: len(self.proxy.status()["pools"]) == 2, "the new pool is there")


class NothingIsLost(Scenario):
    def test_verdicts_counts_and_positions_survive(self):
        port, alive, dead = free_port(), self.backend(name="alive"), free_port()
        config = web(port, [alive, f"127.0.0.1:{dead}"], check=CHECK)
        proxy = self.weir(config)
        eventually(lambda: sorted(proxy.states()) == ["down", "up"], "one is down")
        client = self.client(port)
        for _ in range(10):
            client.get("/")
        before = proxy.backends()
        for i in range(20):
            self.assertEqual(proxy.reload(config + f"limits: {{header_count: {100 + i + 1}}}\n")["verdict"], "applied")
            self.assertEqual(sorted(proxy.states()), ["down", "up"])
        after = proxy.backends()
        name = f"127.0.0.1:{dead}"
        self.assertGreaterEqual(after[name]["failures_in_a_row"], before[name]["failures_in_a_row"])
        self.assertEqual(after[name]["since"], before[name]["since"])
        self.assertEqual(after[alive.address]["requests"], before[alive.address]["requests"])
        self.assertEqual(client.get("/")["status"], 200)  # on the same connection
        self.assertEqual(len([c for c in alive.requests if c["target"] == "/"]), 11)

    def test_round_robin_continues_where_it_was(self):
        port, backends = free_port(), [self.backend(name=n) for n in "abc"]
        config = web(port, backends)
        proxy = self.weir(config, workers=1)
        client, order = self.client(port), ""
        for i in range(9):
            order += client.get("/")["fields"]["x-backend"]
            proxy.reload(config + f"limits: {{header_count: {100 + i + 1}}}\n")
        self.assertEqual(order, "abcabcabc")

    def test_a_new_backend_waits_for_its_first_passed_probe(self):
        port, one = free_port(), self.backend(name="one")
        gate = threading.Event()

        def script(connection, request):
            if request["target"] == "/healthz":
                gate.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Backend: new\r\nContent-Length: 0\r\n\r\n")

        new = self.backend(script)
        self.addCleanup(gate.set)
        proxy = self.weir(web(port, [one], check=CHECK))
        proxy.wait_up(1)
        proxy.reload(web(port, [one, new], check=CHECK))
        client = self.client(port)
        self.assertEqual({client.get("/")["fields"]["x-backend"] for _ in range(10)}, {"one"})
        gate.set()
        eventually(lambda: client.get("/")["fields"].get("x-backend") == "new", "the new one is asked")

    def test_a_removed_backend_finishes_its_requests(self):
        port, stay, gate = free_port(), self.backend(), threading.Event()
        self.addCleanup(gate.set)

        def slow(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            gate.wait(20)
            connection.sendall(b"lf")

        leaving = self.backend(slow)
        proxy = self.weir(web(port, [leaving]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: leaving.requests, "the request is there")
        self.assertEqual(proxy.reload(web(port, [stay]))["verdict"], "applied")
        gate.set()
        self.assertEqual(client.reader.response()["body"], b"half")
        self.assertEqual(client.get("/")["fields"]["x-backend"], "b")

    def test_listeners_are_added_removed_and_moved(self):
        first, second, third, backend = free_port(), free_port(), free_port(), self.backend()
        proxy = self.weir(web(first, [backend]))
        client = self.client(first)
        self.assertEqual(client.get("/")["status"], 200)
        proxy.reload(web(first, [backend], listeners={"more": second}))
        self.assertEqual(self.client(second).get("/")["status"], 200)
        self.assertEqual(client.get("/")["status"], 200)
        proxy.reload(web(third, [backend]))
        self.assertEqual(self.client(third).get("/")["status"], 200)
        eventually(lambda: not can_connect(first) and not can_connect(second), "the old addresses are left")
        self.assertEqual(client.rest(), b"")  # idle, on a listener that is gone

    def test_two_listeners_swap_their_addresses_and_one_becomes_a_wildcard(self):
        first, second = free_port(), free_port()
        a, b = self.backend(name="a"), self.backend(name="b")

        def config(one, two):
            return f"""listeners:
  a: {{address: "{one}", pool: a}}
  b: {{address: "{two}", pool: b}}
pools:
  a: {{backends: ["{a.address}"]}}
  b: {{backends: ["{b.address}"]}}
"""

        proxy = self.weir(config(f"127.0.0.1:{first}", f"127.0.0.1:{second}"))
        kept = self.client(first)
        self.assertEqual(kept.get("/")["fields"]["x-backend"], "a")
        self.assertEqual(proxy.reload(config(f"127.0.0.1:{second}", f"127.0.0.1:{first}"))["verdict"], "applied")
        self.assertEqual(kept.get("/")["fields"]["x-backend"], "b")  # the same connection, now at b's new address
        self.assertEqual(self.client(second).get("/")["fields"]["x-backend"], "a")
        self.assertEqual(proxy.reload(config(f"0.0.0.0:{second}", f"127.0.0.1:{first}"))["verdict"], "applied")
        self.assertEqual(self.client(second).get("/")["fields"]["x-backend"], "a")

    def test_a_tcp_connection_lives_through_reloads(self):
        port, peer = free_port(), socket.create_server(("127.0.0.1", 0))
        self.addCleanup(peer.close)
        config = f"""listeners:
  tcp: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}
pools:
  db: {{backends: ["127.0.0.1:{peer.getsockname()[1]}"]}}
"""
        proxy = self.weir(config)
        client = self.client(port)
        connection, _ = peer.accept()
        self.addCleanup(connection.close)
        for i in range(10):
            self.assertEqual(proxy.reload(config + f"limits: {{header_count: {101 + i}}}\n")["verdict"], "applied")
            client.send("ping")
            self.assertEqual(connection.recv(10), b"ping")
            connection.sendall(b"pong")
            self.assertEqual(client.reader.exactly(4), b"pong")

    def test_a_request_begun_on_a_listener_that_leaves_is_answered(self):
        port, backend, other = free_port(), self.backend(), self.backend()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHo")
        eventually(lambda: proxy.metrics()['weir_connections_active{listener="web"}'] == 1, "it is connected")
        proxy.reload(
            f'listeners: {{new: {{address: "127.0.0.1:{free_port()}", pool: other}}}}\n'
            f'pools: {{other: {{backends: ["{other.address}"]}}}}\n'
        )
        client.send("st: a\r\n\r\n")
        answer = client.reader.response()
        self.assertEqual((answer["status"], answer["fields"]["connection"]), (200, "close"))
        self.assertEqual(len(backend.requests), 1)

    def test_a_websocket_lives_through_twenty_reloads_and_the_end_of_its_route(self):
        port, ws, rest = free_port(), self.backend(websocket), self.backend()
        route = "routes: [{match: {path_prefix: /ws}, pool: ws}]\n"
        pool = f'  ws: {{backends: ["{ws.address}"]}}\n'
        proxy = self.weir(web(port, [rest]) + pool + route)
        client = self.client(port)
        self.assertEqual(client.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        for i in range(20):
            without = web(port, [rest]) + (pool + route if i != 10 else "") + f"limits: {{header_count: {101 + i}}}\n"
            self.assertEqual(proxy.reload(without)["verdict"], "applied")
            client.send(f"echo {i:04}")
            self.assertEqual(client.reader.exactly(9), b"echo %04d" % i)

    def wait_idle(self, proxy):
        def idle():
            metrics = proxy.metrics()
            connections = [
                v for k, v in metrics.items() if k.startswith(("weir_connections_active", "weir_backend_connections"))
            ]
            return not any(connections)

        eventually(idle, "no connection is left")

    def test_a_hundred_reloads_under_wrk_lose_nothing_and_leak_nothing(self):
        backends = [f"127.0.0.1:{self.demo_backend(f'b{i}')[1]}" for i in range(3)]
        port, count = free_port(), 30 if SANITIZED else 100
        quiet = "    keepalive: {idle_timeout: 500ms}\nlogging: {access: {output: none}}\n"
        proxy = self.weir(web(port, backends, more=quiet))
        # The warm-up has as many connections, so that memory and descriptors are compared like with like.
        command = ["wrk", "-t1", "-c32", "--timeout", "30s", f"http://127.0.0.1:{port}/"]
        subprocess.run([*command, "-d2s"], capture_output=True, check=True)
        self.wait_idle(proxy)
        memory, descriptors = proxy.memory(), proxy.descriptors()
        load = subprocess.Popen([*command, "-d120s"], stdout=subprocess.PIPE, text=True)
        eventually(
            lambda: proxy.metrics().get('weir_requests_total{listener="web",pool="web",route="",code="200"}', 0) > 1000,
            "there is load",
        )
        for i in range(count):
            kept = backends if i % 2 else backends[:2]
            self.assertEqual(
                proxy.reload(web(port, kept, more=quiet + f"limits: {{header_count: {101 + i}}}"))["verdict"], "applied"
            )
        load.send_signal(signal.SIGINT)
        report = load.communicate(timeout=60)[0]
        self.assertNotIn("Non-2xx", report)
        self.assertNotIn("Socket errors", report)
        failed = {
            k: v
            for k, v in proxy.metrics().items()
            if k.startswith("weir_requests_total") and 'code="200"' not in k and 'code="499"' not in k
        }
        self.assertEqual(failed, {})
        self.wait_idle(proxy)
        eventually(lambda: proxy.descriptors() <= descriptors, "the descriptors are back")
        if not SANITIZED:
            self.assertLess(proxy.memory() - memory, 6 * 1024)


if __name__ == "__main__":
    main()
