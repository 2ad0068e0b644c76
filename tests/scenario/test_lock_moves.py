"""The lock moves to other servers while the old ones are down. Uses real Redis servers on private ports."""
from support.redis_server import Redis, lock
from support.scenario import Scenario, eventually, free_port, main, web


class Moves(Scenario):
    def start_on_a(self, source="file"):
        self.a, self.b, self.port, self.origin = Redis(self), Redis(self), free_port(), self.backend()
        self.source = source
        self.proxy = self.weir(self.config(self.a, 50))
        report = self.proxy.reload(self.config(self.a, 51)) if source == "file" else {"verdict": "applied", "fence": 0}
        self.assertEqual(report["verdict"], "applied")
        eventually(lambda: self.proxy.status()["lock"]["reachable"], "it is in touch with A")
        return report["fence"]

    def config(self, redis, header_count):
        return (
            web(self.port, [self.origin])
            + lock(redis.port, wait="300ms", watch=f"false, source: {self.source}")
            + f"limits: {{header_count: {header_count}}}\n"
        )

    def force(self):
        return self.proxy.command("reload", "--wait", "--force", "--admin", f"127.0.0.1:{self.proxy.admin_port}")

    def moves_by_force_only(self, fence):
        """A plain reload is refused and names --force as the remedy; after it the lock is on B."""
        hash_before = self.proxy.status()["config"]["hash"]
        report = self.proxy.reload(self.config(self.b, 52))
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("weir reload --force", report["errors"][0])
        self.assertIn(self.a.url, report["errors"][0])
        self.assertEqual(self.proxy.status()["config"]["hash"], hash_before)
        self.assertEqual(self.b.call("KEYS", "*"), "")

        code, out, err = self.force()
        self.assertEqual(code, 0, out + err)
        self.assertIn("applied", out)
        for text in (self.a.url, "the old servers could not report", "machines may reload at the same time"):
            self.assertIn(text, err)
        self.proxy.wait_logged("the old servers could not report")
        self.assertIsNone(self.proxy.status()["reload"]["pending"])
        eventually(lambda: self.b.call("HKEYS", "weir:{test}:members"), "it is a member on B")
        eventually(lambda: self.proxy.status()["lock"]["reachable"], "it is in touch with B")
        self.assertEqual(self.client(self.port).get("/")["status"], 200)
        self.assertEqual(self.proxy.metrics()["weir_fleet_fence_alarms_total"], 0)  # B has lost nothing

        if self.source == "fleet":
            return
        for header_count in (53, 54):
            report = self.proxy.reload(self.config(self.b, header_count))
            self.assertEqual((report["verdict"], report["warnings"]), ("applied", []), report)
            self.assertGreater(report["fence"], fence)
            fence = report["fence"]
            self.assertEqual(self.b.call("GET", "weir:{test}:fence"), str(fence))

    def test_a_lock_whose_server_died_moves_to_another_by_force(self):
        fence = self.start_on_a()
        self.a.kill()
        self.moves_by_force_only(fence)

    def test_a_lock_whose_server_hangs_moves_to_another_by_force(self):
        fence = self.start_on_a()
        self.a.hang()
        self.moves_by_force_only(fence)
        self.a.go_on()
        self.assertEqual(self.a.call("EXISTS", "weir:{test}:lock"), "0")  # no lock was left there
        self.assertEqual(self.proxy.stop(), 0)

    def test_a_pushed_fleet_moves_its_lock_by_the_files_of_its_machines(self):
        """The machines take their configuration from the fleet, but the servers of the lock from their own files."""
        self.start_on_a(source="fleet")
        self.a.kill()
        self.moves_by_force_only(0)

    def test_a_move_whose_old_server_answers_is_made_under_its_lock(self):
        fence = self.start_on_a()
        report = self.proxy.reload(self.config(self.b, 52))
        self.assertEqual((report["verdict"], report["fence"]), ("applied", fence + 1))
        self.assertEqual(self.a.call("GET", "weir:{test}:fence"), str(fence + 1))
        self.assertGreater(self.proxy.reload(self.config(self.b, 53))["fence"], fence + 1)

    def test_force_does_not_skip_the_lock_of_a_change_that_keeps_its_servers(self):
        self.start_on_a()
        self.a.kill()
        report = self.proxy.reload(self.config(self.a, 52))
        self.assertEqual(report["verdict"], "refused")
        self.assertNotIn("--force", report["errors"][0])  # it would not help
        code, out, _ = self.force()
        self.assertEqual(code, 1)
        self.assertIn("refused", out)

    def test_a_forced_move_that_makes_things_worse_is_rolled_back(self):
        self.a, self.b, self.port, self.origin, self.source = (
            Redis(self),
            Redis(self),
            free_port(),
            self.backend(),
            "file",
        )

        def config(redis, backend):
            check = "{type: http, path: /healthz, interval: 500ms, timeout: 500ms, fall: 3, rise: 1}"
            return web(self.port, [backend], check) + lock(
                redis.port, wait="300ms", rollback="rollback: {window: 1m}, "
            )

        self.proxy = self.weir(config(self.a, self.origin))
        self.proxy.wait_up(1)
        before = self.proxy.status()["config"]["hash"]
        self.a.kill()
        self.proxy.write(config(self.b, f"127.0.0.1:{free_port()}"))
        code, out, err = self.force()
        self.assertEqual(code, 1)
        self.assertIn("rolled_back", out, err)
        self.assertEqual(self.proxy.status()["config"]["hash"], before)
        self.assertEqual(self.client(self.port).get("/")["status"], 200)


if __name__ == "__main__":
    main()
