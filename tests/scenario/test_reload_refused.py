"""A file that cannot be applied completely is refused with the reason, and changes nothing."""
import contextlib
import json
import os
import socket

from support.scenario import Scenario, can_connect, eventually, free_port, main, web


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
        )  # a long window, so that nothing is written to the state directory
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
            }  # CPU time and memory always change
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


if __name__ == "__main__":
    main()
