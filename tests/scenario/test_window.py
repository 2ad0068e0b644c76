"""The canary window: what ends it early, and what status says while it is open."""
import json
import os
import tempfile
import threading

from support.redis_server import Redis, lock
from support.scenario import Scenario, eventually, free_port, main, web

CHECK = "{type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 20, rise: 1}"


class Window(Scenario):
    def serve(self, watch="true"):
        self.port, self.good, self.watch = free_port(), self.backend(name="good"), watch
        self.proxy = self.weir(self.config())
        self.before = self.proxy.status()["config"]["hash"]

    def config(self, more=""):
        # Nothing but a newer file or an operator ends this window within the test.
        return (
            web(self.port, [self.good], CHECK, more) + f"reload: {{watch: {self.watch}, rollback: {{window: 10m}}}}\n"
        )

    def window(self):
        return self.proxy.status()["reload"]["window"]

    def open_window(self, more="limits: {header_count: 50}\n"):
        self.proxy.write(self.config(more))
        if self.watch == "false":
            self.proxy.admin("POST", "/api/v1/reload")
        return self.wait_window(self.before)

    def wait_window(self, *others):
        """Waits for the window of a configuration whose hash is not one of these."""

        def look():
            window = self.window()
            return window and window["hash"] not in others and window

        return eventually(look, "it is watched")

    def test_a_revert_ends_the_window_at_once(self):
        self.serve()
        self.open_window()
        self.proxy.write(self.config())
        eventually(lambda: self.proxy.status()["config"]["hash"] == self.before and not self.window(), "it is reverted")
        reload = eventually(
            lambda: not self.proxy.status()["reload"]["in_progress"] and self.proxy.status()["reload"], "that is all"
        )
        self.assertEqual((reload["last"]["verdict"], reload["pending"], reload["denylist"]), ("unchanged", None, []))
        self.proxy.wait_logged("a newer configuration arrived before the canary window ended")

    def test_a_newer_file_replaces_the_one_in_its_canary_window(self):
        self.serve()
        first = self.open_window()["hash"]
        self.proxy.write(self.config("limits: {header_count: 60}\n"))
        second = self.wait_window(first, self.before)
        self.assertEqual(self.proxy.status()["config"]["hash"], second["hash"])
        self.assertEqual(self.proxy.status()["reload"]["denylist"], [])

    def test_a_newer_file_that_cannot_be_put_in_force_does_not_end_the_window(self):
        self.serve(watch="false")
        first = self.open_window()["hash"]
        self.proxy.write(self.config("limits: {nonsense: 1}\n"))
        self.proxy.admin("POST", "/api/v1/reload")
        self.proxy.write(self.config("limits: {header_count: 50}\n# only a comment is new\n"))
        self.proxy.admin("POST", "/api/v1/reload")
        code, out, err = self.proxy.command("status", "--json", "-c", self.proxy.path)
        self.assertEqual(json.loads(out)["reload"]["window"]["hash"], first, err)
        self.assertEqual(self.proxy.command("reload", "--abort", "-c", self.proxy.path)[0], 0)

    def test_abort_rolls_back_at_once_and_the_file_is_refused_from_then_on(self):
        self.serve(watch="false")
        bad = self.open_window()["hash"]
        code, out, err = self.proxy.command("reload", "--abort", "-c", self.proxy.path)
        self.assertEqual(code, 0, err)
        self.assertIn("aborted by an operator", out)
        self.assertIn(f"rolled_back (hash {bad[:12]})", out)
        reload = self.proxy.status()["reload"]
        self.assertEqual(
            (self.proxy.status()["config"]["hash"], reload["window"], reload["last"]["cause"]),
            (self.before, None, "aborted"),
        )
        self.assertEqual([entry["hash"] for entry in reload["denylist"]], [bad])
        self.assertEqual((reload["pending"]["hash"], reload["pending"]["next_try"]), (bad, None))
        again = self.proxy.reload()
        self.assertEqual(again["verdict"], "refused")
        self.assertIn("aborted by an operator", again["errors"][0])

    def test_abort_answers_the_command_that_waits_for_the_verdict(self):
        self.serve(watch="false")
        self.proxy.write(self.config("limits: {header_count: 50}\n"))
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(self.proxy.command("reload", "--wait", "-c", self.proxy.path))
        )
        waiting.start()
        eventually(self.window, "it is watched")
        status, body = self.proxy.admin("POST", "/api/v1/reload/abort")
        waiting.join()
        self.assertEqual((status, json.loads(body)["verdict"]), (200, "rolled_back"))
        self.assertEqual(answers[0][0], 1)
        self.assertIn("aborted by an operator", answers[0][2])

    def test_abort_without_a_canary_window_fails_and_changes_nothing(self):
        self.serve(watch="false")
        code, out, err = self.proxy.command("reload", "--abort", "-c", self.proxy.path)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("nothing to abort", err)
        self.assertEqual(self.proxy.admin("POST", "/api/v1/reload/abort")[0], 409)
        self.assertEqual(self.proxy.admin("GET", "/api/v1/reload/abort")[0], 404)
        self.assertEqual(self.proxy.command("reload", "--abort", "--wait", "-c", self.proxy.path)[0], 2)
        self.assertEqual(self.proxy.status()["config"]["hash"], self.before)

    def test_abort_asks_for_the_token(self):
        files = tempfile.TemporaryDirectory()
        self.addCleanup(files.cleanup)
        token = os.path.join(files.name, "token")
        with open(token, "w") as f:
            f.write("a-token-that-is-long-enough\n")
        port, admin, backend = free_port(), free_port(), self.backend()
        proxy = self.weir(
            web(port, [backend]) + f'admin: {{address: "127.0.0.1:{admin}", token_file: {token}}}\n', admin_port=admin
        )
        self.assertEqual(proxy.admin("POST", "/api/v1/reload/abort")[0], 401)
        self.assertEqual(
            proxy.admin("POST", "/api/v1/reload/abort", {"Authorization": "Bearer a-token-that-is-long-enough"})[0], 409
        )

    def test_status_shows_the_fence_that_belongs_to_the_hash_within_the_window(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        config = web(port, [backend]) + lock(redis.port, rollback="rollback: {window: 10m}, ")
        self.proxy = self.weir(config)
        before = self.proxy.status()["config"]
        redis.call("SET", "weir:{test}:fence", "41")
        self.proxy.write(config + "limits: {header_count: 50}\n")
        self.proxy.admin("POST", "/api/v1/reload")
        window = eventually(lambda: self.proxy.status()["reload"]["window"], "it is watched")
        status = self.proxy.status()
        now = status["config"]
        self.assertEqual((now["hash"], now["fence"]), (window["hash"], 42))
        self.assertGreaterEqual(now["loaded_at"], before["loaded_at"])
        self.assertEqual(self.proxy.metrics()["weir_lock_fence"], 42)
        self.assertEqual((status["lock"]["held"], status["lock"]["waiting"]), (True, False))
        self.assertEqual(self.proxy.admin("POST", "/api/v1/reload/abort")[0], 200)
        after = self.proxy.status()["config"]
        self.assertEqual(
            (after["hash"], after["fence"], after["loaded_at"]), (before["hash"], before["fence"], before["loaded_at"])
        )


if __name__ == "__main__":
    main()
