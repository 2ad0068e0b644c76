"""Reload: what an edit does not touch stays, and a file that cannot be applied completely changes nothing."""
import contextlib
import json
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


class AllOrNothing(Scenario):
    def test_a_bad_file_is_refused_with_its_errors_and_changes_nothing(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]))
        before = proxy.status()
        report = proxy.reload(web(port, [backend]) + "timeouts: {conect: 1s}\n")
        self.assertEqual(report["verdict"], "refused")
        self.assertIn('unknown key "conect" (did you mean "connect"?)', report["errors"][0])
        code, _, err = proxy.command("reload", "--wait", "-c", proxy.path)
        self.assertEqual(code, 1)
        self.assertIn("weir.yaml:", err)
        after = proxy.status()
        self.assertEqual(
            (before["config"]["hash"], before["config"]["generation"]),
            (after["config"]["hash"], after["config"]["generation"]),
        )
        self.assertEqual(self.client(port).get("/")["status"], 200)

    def test_a_busy_port_refuses_the_whole_reload(self):
        port, free, backend, busy = free_port(), free_port(), self.backend(), socket.socket()
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        self.addCleanup(busy.close)
        proxy = self.weir(web(port, [backend]))
        more = {f"l{p}": p for p in (free, busy.getsockname()[1])}
        report = proxy.reload(web(port, [backend, self.backend()], listeners=more))
        self.assertEqual(report["verdict"], "refused")
        self.assertRegex(
            report["errors"][0], r"weir.yaml:4:\d+: listeners.l\d+.address: cannot bind .*: Address already in use"
        )
        self.assertEqual(len(proxy.backends()), 1)
        self.assertFalse(can_connect(free))

    def test_an_access_log_that_cannot_be_opened_refuses_the_whole_reload(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]))
        report = proxy.reload(
            web(port, [backend, self.backend()]) + "logging: {access: {output: /nonexistent/access.log}}\n"
        )
        self.assertIn("logging.access.output: cannot open /nonexistent/access.log", report["errors"][0])
        self.assertEqual(len(proxy.backends()), 1)

    def test_a_file_that_fails_halfway_changes_nothing_at_all(self):
        """Every table of the running process is compared, before and after."""
        busy = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(busy.close)
        one, two, port, other = self.backend(), self.backend(), free_port(), free_port()
        proxy = self.weir(
            web(port, [one, two]) + "reload: {watch: false, rollback: {window: 20m}}\n"
        )  # so nothing is written to the state directory
        self.assertEqual(self.client(port).get("/")["status"], 200)
        eventually(
            lambda: proxy.metrics().get('weir_requests_total{listener="web",pool="web",route="",code="200"}') == 1,
            "it is counted",
        )
        proxy.admin("POST", f"/api/v1/backends/web/{two.address}?weight=7")

        def links_of(pid):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed in the meantime
                    yield os.readlink(f"/proc/{pid}/fd/{fd}")

        def tables():
            status = proxy.status()
            links = sorted(links_of(proxy.process.pid))
            with open("/proc/net/tcp") as f:
                listening = sorted(line.split()[9] for line in f if line.split()[3] == "0A")
            metrics = {
                k: v for k, v in proxy.metrics().items() if not k.startswith(("weir_reload", "weir_lock_", "process_"))
            }  # CPU time and memory always move
            return {
                "config": status["config"],
                "pools": status["pools"],
                "listeners": status["listeners"],
                "items": proxy.admin("GET", "/api/v1/config")[1],
                "metrics": metrics,
                "files": sorted(os.listdir(proxy.directory)),
                "sockets": [link for link in links if link.startswith("socket:") and link[8:-1] in listening],
                "others": [link for link in links if not link.startswith("socket:")],
            }

        eventually(lambda: [b["idle"] for b in proxy.backends().values()].count(1) == 1, "the connection is kept")
        changed = {"backends": [two, self.backend()], "more": "limits: {header_count: 50}"}
        fresh = web(port, **changed)
        files = {
            "a busy port": web(port, **changed, listeners={"more": other, "busy": busy.getsockname()[1]}),
            "a log that cannot be opened": fresh + "logging: {access: {output: /nowhere/access.log}}\n",
            "a token that cannot be read": web(
                port, **changed, check={"type": "heartbeat", "mode": "push", "token_file": "/nowhere/token"}
            ),
            "a key that there is not": fresh + "lmits: {}\n",
            "what needs a restart": fresh + f"process: {{workers: 7, state_dir: {proxy.state_dir}}}\n",
        }
        before = tables()
        for name, text in files.items():
            self.assertEqual(proxy.reload(text)["verdict"], "refused", name)
            after = tables()
            for table in before:
                self.assertEqual(before[table], after[table], f"{name}: {table}")
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", other), 1)

    def test_what_needs_a_restart_is_refused_saying_so(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]))
        report = proxy.reload(
            web(port, [backend]) + f"process: {{workers: 3, state_dir: {proxy.state_dir}, drain_timeout: 10s}}\n"
        )
        self.assertRegex(
            report["errors"][0], r"weir.yaml:\d+:\d+: process: ~ process: workers 2 → 3 \(needs a restart\)$"
        )

    def test_plan_shows_what_would_change_and_changes_nothing(self):
        port, one, two = free_port(), self.backend(), self.backend()
        proxy = self.weir(web(port, [one]))
        proxy.write(web(port, [one, two]) + "retries: {attempts: 3}\n")
        code, out, _ = proxy.command("plan", "-c", proxy.path)
        self.assertEqual(code, 0)
        self.assertEqual(out.splitlines()[0].split(" (")[0], f"+ backend web/{two.address}")
        self.assertIn("~ retries: attempts 2 → 3", out)
        self.assertEqual(len(proxy.backends()), 1)
        changes = json.loads(proxy.command("plan", "--json", "-c", proxy.path)[1])["changes"]
        self.assertEqual(
            (changes[0]["type"], changes[0]["kind"], changes[0]["name"]), ("added", "backend", f"web/{two.address}")
        )
        proxy.reload()
        self.assertEqual(proxy.command("plan", "-c", proxy.path)[1], "nothing would change\n")


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
        self.assertEqual(kept.get("/")["fields"]["x-backend"], "b")  # the same connection, on what is b's address now
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
