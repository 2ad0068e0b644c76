"""A change that makes things worse is rolled back and denylisted; the last one that worked is kept on disk."""
import contextlib
import os
import re
import socket
import threading

from support.scenario import WEIR, Client, Scenario, can_connect, eventually, flow, free_port, main, web

CHECK = {"type": "http", "path": "/healthz", "interval": "200ms", "timeout": "200ms", "fall": 9, "rise": 1}


def last_good(proxy):
    """Returns the path of the last good configuration; None if there is none yet."""
    found = [name for name in os.listdir(proxy.state_dir) if name.startswith("last-good-") and ".new" not in name]
    return os.path.join(proxy.state_dir, found[0]) if found else None


def binds(sock, port):
    with contextlib.suppress(OSError):
        sock.bind(("127.0.0.1", port))
        sock.listen()
        return True
    return False


class Rollback(Scenario):
    def serve(self, window="20s", **kwargs):
        self.port, self.good = free_port(), self.backend(name="good")
        self.window = window
        self.proxy = self.weir(self.config([self.good]), **kwargs)
        self.proxy.wait_up(1)

    def config(self, backends, window=None, port=None, check=None, pool=None, more="", **rules):
        rollback = {"window": window or self.window, **rules}
        return (
            web(port or self.port, backends, {**CHECK, **(check or {})}, more, pool)
            + f"reload: {flow({'watch': False, 'rollback': rollback})}\n"
        )

    def serves(self):
        with Client(self.port) as client:
            return client.get("/")["fields"].get("x-backend")

    def bad_file(self, **changes):
        """Returns a well-formed, valid configuration in which every backend is dead."""
        return self.config([f"127.0.0.1:{free_port()}"], **changes)

    def test_a_file_that_makes_every_backend_unhealthy_is_rolled_back(self):
        """From then on it is refused."""
        self.serve()
        before, bad = self.proxy.status()["config"]["hash"], self.bad_file()
        report = self.proxy.reload(bad)
        self.assertEqual(report["verdict"], "rolled_back")
        self.assertIn("pool web: 0 of 1 backends are healthy, 100% were before", report["errors"][0])
        self.assertEqual(self.proxy.status()["config"]["hash"], before)
        self.assertEqual(self.proxy.states(), ["up"])  # at once: its health was not forgotten
        self.assertEqual(self.serves(), "good")
        known = self.proxy.status()["reload"]["denylist"]
        self.assertEqual(([b["hash"] for b in known], known[0]["reason"]), ([report["hash"]], report["errors"][0]))
        again = self.proxy.reload()
        self.assertEqual(again["verdict"], "refused")
        self.assertIn("this configuration was rolled back at", again["errors"][0])
        self.assertIn("weir reload --force", again["errors"][0])
        metrics = self.proxy.metrics()
        self.assertEqual(metrics['weir_reloads_total{verdict="rolled_back"}'], 1)
        self.assertEqual(metrics["weir_reload_last_success"], 0)
        changed = self.proxy.reload(bad + "# changed\n")  # another file, so it gets another verdict
        self.assertEqual(changed["verdict"], "rolled_back")

    def test_the_command_waits_for_the_verdict_and_can_force_the_file(self):
        self.serve()
        self.proxy.write(self.bad_file())
        code, out, err = self.proxy.command("reload", "--wait", "-c", self.proxy.path)
        self.assertEqual((code, out.split()[0]), (1, "rolled_back"), err)
        self.assertIn("0 of 1 backends are healthy", err)
        code, out, err = self.proxy.command("reload", "--wait", "-c", self.proxy.path)
        self.assertEqual((code, out.split()[0]), (1, "refused"))
        code, out, err = self.proxy.command("reload", "--wait", "--force", "-c", self.proxy.path)
        self.assertEqual((code, out.split()[0]), (1, "rolled_back"))  # it is still as bad as it was

    def test_a_terminal_shows_how_the_window_goes(self):
        self.serve(window="4s")
        other = self.backend(name="other")
        self.proxy.write(self.config([self.good, other]))
        code, shown = self.on_terminal("reload", "--wait", "-c", self.proxy.path)
        self.assertEqual(code, 0)
        self.assertGreater(len(set(re.findall(rb"canary window, (\d) s left: web 2/2", shown))), 1)
        self.assertRegex(shown.split(b"\x1b[K")[-1], rb"applied \(hash [0-9a-f]{12}, fence \d+, \d+ ms\)")

    def test_a_good_change_passes_its_canary_window(self):
        self.serve(window="2s")
        other = self.backend(name="other")
        done = []
        thread = threading.Thread(target=lambda: done.append(self.proxy.reload(self.config([self.good, other]))))
        thread.start()
        eventually(lambda: "watched_for_ms" in self.proxy.status()["reload"] or done, "it is watched")
        thread.join()
        self.assertEqual(done[0]["verdict"], "applied")
        self.assertGreaterEqual(done[0]["took_ms"], 1000)
        with open(last_good(self.proxy)) as f:
            self.assertIn(done[0]["hash"], f.read())

    def test_requests_that_begin_to_fail_roll_the_change_back(self):
        self.serve()

        def answer(connection, request):
            status = "200 OK" if request["target"] == "/healthz" else "500 Sick"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

        sick = self.backend(answer)
        over = threading.Event()

        def load():
            while not over.is_set():
                with Client(self.port) as client:
                    for _ in range(20):
                        client.get("/")

        thread = threading.Thread(target=load)
        thread.start()
        try:
            report = self.proxy.reload(self.config([sick]))
        finally:
            over.set()
            thread.join()
        self.assertEqual(report["verdict"], "rolled_back")
        self.assertRegex(report["errors"][0], "pool web: [0-9]+% of its requests fail, 0% did before")
        self.assertEqual(self.serves(), "good")

    def test_a_backend_ejected_during_the_window_serves_after_the_rollback(self):
        self.serve()
        rules = {"consecutive_errors": 3, "base_time": "1h", "max_ejected": "100%"}

        def config(**changes):
            return self.config([self.good], pool={"outlier_ejection": rules}, **changes)

        self.assertEqual(self.proxy.reload(config(window="2s"))["verdict"], "applied")
        gate, over = threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        def late(connection, request):
            if request["target"] != "/healthz":
                gate.wait(0.5)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Backend: good\r\nContent-Length: 0\r\n\r\n")

        self.good.script = late

        def load():
            while not over.is_set():
                with Client(self.port) as client:
                    client.get("/")

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            report = self.proxy.reload(config(more="timeouts: {response: 20ms}"))
        finally:
            over.set()
            gate.set()
            for thread in threads:
                thread.join()
        self.assertEqual(report["verdict"], "rolled_back", report)
        self.assertEqual((self.proxy.states(), self.serves()), (["up"], "good"))
        self.assertEqual(self.proxy.backends()[self.good.address]["outlier_ejections"], 1)  # it was ejected before

    def test_a_start_is_kept_as_good_though_a_bad_change_came_into_its_window(self):
        self.serve(window="3s")
        self.assertEqual(self.proxy.reload(self.bad_file(window="20s"))["verdict"], "rolled_back")
        in_force = self.proxy.status()["config"]["hash"]

        def kept():
            path = last_good(self.proxy)
            with contextlib.suppress(FileNotFoundError), open(path or "/nonexistent") as f:
                return in_force in f.read()

        eventually(kept, "it is kept")

    def test_what_was_as_bad_before_is_not_held_against_a_change(self):
        self.serve(window="2s")
        dead = f"127.0.0.1:{free_port()}"
        self.good.close()
        eventually(lambda: self.proxy.states() == ["down"], "it is out")
        self.assertEqual(
            self.proxy.reload(self.config([self.good], more="limits: {header_count: 50}"))["verdict"], "applied"
        )
        other = self.backend(name="other")
        report = self.proxy.reload(self.config([self.good, other, dead], if_healthy_below="30%"))
        self.assertEqual(report["verdict"], "applied")
        self.assertEqual(self.serves(), "other")

    def test_listeners_and_routes_come_back_as_well(self):
        self.serve()
        moved = free_port()
        config = self.bad_file(port=moved)
        done = []
        thread = threading.Thread(target=lambda: done.append(self.proxy.reload(config)))
        thread.start()
        eventually(lambda: can_connect(moved) or done, "the new one listens")
        thread.join()
        self.assertEqual(done[0]["verdict"], "rolled_back")
        self.assertFalse(can_connect(moved))
        self.assertEqual(self.serves(), "good")

    def test_a_wrong_check_is_rolled_back_and_the_old_health_is_restored(self):
        def good(connection, request):
            status = "404 Not Found" if request["target"] == "/wrong" else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\nX-Backend: good\r\nContent-Length: 0\r\n\r\n".encode())

        self.serve()
        self.good.script = good
        # The old check would need minutes to bring it back.
        slow = {**CHECK, "interval": "1m", "timeout": "1m", "fall": 1, "rise": 10}
        without_window = "reload: {watch: false, lock: {type: local}}\n"
        report = self.proxy.reload(web(self.port, [self.good], slow) + without_window)
        self.assertEqual(report["verdict"], "applied")
        report = self.proxy.reload(self.config([self.good], check={"path": "/wrong"}))
        self.assertEqual(report["verdict"], "rolled_back")
        self.assertEqual(self.proxy.states(), ["up"])
        self.assertEqual(self.serves(), "good")

    def test_a_failed_rollback_is_reported_and_is_not_the_last_good_one(self):
        self.serve()
        eventually(lambda: can_connect(self.port), "it listens")
        moved, done = free_port(), []
        thread = threading.Thread(
            target=lambda: done.append(self.proxy.reload(self.bad_file(port=moved, check={"fall": 30})))
        )
        thread.start()
        eventually(lambda: can_connect(moved), "the new one listens")
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: binds(taken, self.port), "its old port is free")
        thread.join()
        self.assertEqual(done[0]["verdict"], "rollback_failed")
        self.assertIn("cannot roll back: listeners.web.address: cannot bind", done[0]["errors"][1])
        self.assertEqual(len(self.proxy.status()["reload"]["denylist"]), 1)
        self.assertIsNone(last_good(self.proxy))  # neither has passed its window

    def test_a_stop_during_the_window_is_no_verdict(self):
        self.serve()
        thread = threading.Thread(target=lambda: self.proxy.admin("POST", "/api/v1/reload"))
        self.proxy.write(self.config([self.good], more="limits: {header_count: 50}"))
        thread.start()
        eventually(lambda: "watched_for_ms" in self.proxy.status()["reload"], "it is watched")
        self.assertEqual(self.proxy.stop(), 0)
        thread.join()
        self.assertFalse(os.path.exists(os.path.join(self.proxy.state_dir, "known-bad")))


class LastGoodScenario(Scenario):
    def setUp(self):
        self.port, self.backends = free_port(), [self.backend(name="one")]
        self.good = web(self.port, self.backends)

    def serves(self):
        with Client(self.port) as client:
            return client.get("/")["fields"]["x-backend"]

    def kept(self, proxy):
        return bool(last_good(proxy))


class LastGood(LastGoodScenario):
    def test_a_start_with_a_bad_file_uses_the_last_good_one_if_configured(self):
        proxy = self.weir(self.good)
        eventually(lambda: self.kept(proxy), "it is kept")
        whole = proxy.status()["config"]["hash"]
        proxy.stop()
        for bad in ("listeners: {web: {adress: x}}\n", "nonsense", ""):
            proxy.write(bad)
            code, _, err = proxy.command("run", "-c", proxy.path, "--state-dir", proxy.state_dir)
            self.assertEqual(code, 1)
            again = self.weir(
                bad,
                state_dir=proxy.state_dir,
                path=proxy.path,
                arguments=("--last-good", "--state-dir", proxy.state_dir),
                admin_port=proxy.admin_port,
            )
            self.assertEqual(self.serves(), "one")
            again.wait_logged("WARNING: the file is invalid; starting with the last good configuration")
            self.assertEqual(again.status()["config"]["hash"], whole)
            self.assertEqual(again.reload()["verdict"], "refused")
            self.assertEqual(again.reload(self.good + "limits: {header_count: 50}\n")["verdict"], "applied")
            again.write(self.good)
            again.reload()
            again.stop()

    def test_without_a_last_good_file_the_start_fails_with_a_reason(self):
        proxy = self.weir(self.good)
        proxy.stop()
        proxy.write("nonsense")
        code, _, err = proxy.command(
            "run", "-c", proxy.path, "--last-good", "--state-dir", os.path.join(proxy.directory, "none")
        )
        self.assertEqual(code, 1)
        self.assertIn("cannot start with the last good configuration", err)

    def test_a_file_that_was_rolled_back_is_not_started_with(self):
        rules = "reload: {watch: false, rollback: {window: %s}}\n"
        proxy = self.weir(web(self.port, self.backends, CHECK) + rules % "2s")
        eventually(lambda: self.kept(proxy), "it is kept")
        self.assertEqual(
            proxy.reload(web(self.port, [f"127.0.0.1:{free_port()}"], CHECK) + rules % "20s")["verdict"], "rolled_back"
        )
        proxy.stop()
        code, _, err = proxy.command("run", "-c", proxy.path)
        self.assertEqual(code, 1)
        self.assertIn("this configuration was rolled back: pool web: 0 of 1 backends are healthy", err)
        process = self.start(WEIR, "run", "-c", proxy.path, "--last-good")
        eventually(lambda: can_connect(self.port), "it serves")
        eventually(lambda: self.serves() == "one", "the last good one")
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        process = self.start(WEIR, "run", "-c", proxy.path, "--force")
        eventually(lambda: can_connect(self.port), "it serves")


if __name__ == "__main__":
    main()
