"""A fleet: its machines change one at a time, and a bad configuration stops at the first. Against a real Redis."""
import json
import os
import signal
import subprocess
import tempfile

from support.fleet import FleetScenario
from support.redis_server import Redis, took_turns
from support.scenario import WEIR, Client, eventually, free_port, main


class Fleet(FleetScenario):
    def test_a_good_file_reaches_all_machines_in_turn_a_bad_one_only_the_first(self):
        self.members(5, Redis(self))
        events = self.redis.watch(self)
        self.assertEqual(len(self.hashes()), 1)
        self.write([self.good], "limits: {header_count: 50}")
        eventually(lambda: self.counts("applied") == [1] * 5, "it reaches all")
        took_turns(self, self.redis, events, least=5)  # the next one begins when the last has had its verdict
        good = self.hashes()
        self.assertEqual(len(good), 1)
        before = self.counts("refused")  # not always 0: a server may have been silent for a moment
        changes = self.view()["changes"]
        self.assertEqual([c["verdict"] for c in reversed(changes)], ["begun", "good"] * 5)
        fences = [c["fence"] for c in reversed(changes) if c["verdict"] == "good"]
        self.assertEqual(fences, sorted(set(fences)))
        self.assertEqual(len({c["member"] for c in changes}), 5)
        with self.long_window():
            self.write([f"127.0.0.1:{free_port()}"])  # every backend in it is dead
        eventually(
            lambda: sum(self.counts("rolled_back")) == 1 and len(self.refusers(before)) == 4, "all have a verdict"
        )
        self.assertEqual(self.counts("applied"), [1] * 5)
        self.assertEqual(self.hashes(), good)
        begun = [c for c in self.view()["changes"] if c["hash"] not in good and c["verdict"] == "begun"]
        self.assertEqual(len(begun), 1)  # the other four never ran it
        bad = self.view()["denylist"]
        self.assertEqual((len(bad), bad[0]["author"]), (1, begun[0]["member"]))
        self.assertIn("0 of 1 backends are healthy", bad[0]["reason"])
        for port in self.ports:
            with Client(port) as client:
                self.assertEqual(client.get("/")["fields"]["x-backend"], "good")
        for weir in self.refusers(before):
            eventually(
                lambda w=weir: f"{bad[0]['author']} rolled this configuration back"
                in w.status()["reload"]["last"]["errors"][0],
                "it says why",
            )
        self.start_with_the_bad_file()
        self.assertEqual(self.redis.call("EXISTS", "weir:{test}:lock"), "0")

    def refusers(self, before):
        return [weir for weir, then, now in zip(self.fleet, before, self.counts("refused")) if now > then]

    def start_with_the_bad_file(self):
        """Starts a sixth machine with the bad file."""
        with open(self.fleet[0].path) as f:
            text = f.read()
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        path = os.path.join(state.name, "weir.yaml")
        with open(path, "w") as f:
            f.write(text)
        environment = dict(os.environ, PORT=str(free_port()), NAME="lb-5", STATE=state.name, ADMIN=str(free_port()))
        done = subprocess.run([WEIR, "run", "-c", path], capture_output=True, text=True, timeout=90, env=environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("rolled this configuration back: pool web: 0 of 1 backends are healthy", done.stderr)
        self.assertIn("override (--force)", done.stderr)

    def test_a_lost_fence_counter_restarts_above_every_fence_in_use(self):
        """A machine that has seen none of those changes must not count up one by one, and give up."""
        self.members(1, Redis(self))
        self.redis.call("HSET", "weir:{test}:applied", "fence", "500", "hash", "of another machine")
        self.redis.call("DEL", "weir:{test}:fence")
        report = self.fleet[0].reload(self.whole(self.config(0, [self.good], "limits: {header_count: 51}")))
        self.assertEqual((report["verdict"], report["fence"]), ("applied", 501), report)

    def test_the_commands_show_the_fleet_break_its_lock_and_unban(self):
        self.members(2, Redis(self))
        run = self.run_fleet
        shown = run("status")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(
            shown.stdout, r"lock free, fence 0\nMEMBER .*\nlb-0 +0\.\d+\.\d+ +[0-9a-f]{12} +0 +serving +100%\nlb-1 "
        )
        status = json.loads(run("status", "--json").stdout)
        self.assertEqual(([m["name"] for m in status["members"]], status["drift"]), (["lb-0", "lb-1"], False))
        self.assertEqual(run("break-lock").returncode, 1)  # without a terminal, it needs --yes
        self.redis.call("SET", "weir:{test}:lock", "lb-9:4711:0123", "PX", "60000")
        self.assertIn("lock held by lb-9:4711", run("status").stdout)
        broken = run("break-lock", "--yes", "--why", "its holder is gone & done")
        self.assertEqual((broken.returncode, broken.stdout), (0, "the lock is broken\n"))
        self.assertEqual(self.redis.call("EXISTS", "weir:{test}:lock"), "0")
        self.assertIn("broken", run("status").stdout)
        self.assertIn("its holder is gone & done", run("status").stdout)
        with self.long_window():
            self.write([f"127.0.0.1:{free_port()}"])
        eventually(lambda: self.view()["denylist"], "it is on the denylist")
        eventually(lambda: sum(self.counts("refused")) == 1, "the other one refuses it")
        bad = self.view()["denylist"][0]["hash"]
        self.assertEqual(run("forgive", "12345678").returncode, 1)  # the old name is still a command
        self.assertEqual(run("unban", bad[:12]).returncode, 0)
        self.assertEqual(self.view()["denylist"], [])

    def test_a_holder_that_sleeps_through_its_lease_takes_its_change_back(self):
        self.members(2, Redis(self), window="1m")
        first, second = self.fleet
        before = first.status()["config"]["hash"]
        first.write(self.whole(self.config(0, [self.good], "limits: {header_count: 60}")))
        eventually(lambda: "watched_for_ms" in first.status()["reload"], "it is watched")
        held = self.view(1)["lock"]
        self.assertTrue(held["holder"].startswith("lb-0:"))
        first.signal(signal.SIGSTOP)
        eventually(lambda: self.redis.call("EXISTS", "weir:{test}:lock") == "0", "its lease runs out")
        second.write(self.whole(self.config(1, [self.good], "limits: {header_count: 70}", window="2s")))
        eventually(lambda: self.counts_of(second, "applied") == 1, "the other one changes")
        first.signal(signal.SIGCONT)
        eventually(lambda: not first.status()["reload"]["in_progress"], "it wakes up")
        last = first.status()["reload"]["last"]
        self.assertEqual((last["verdict"], last["cause"]), ("rolled_back", "lock_lost"))
        self.assertIn("the lock was lost within the canary window: the lease ", last["errors"][0])  # the reason follows
        self.assertEqual(first.status()["config"]["hash"], before)
        self.assertEqual(self.view(1)["denylist"], [])
        self.assertTrue(self.view(1)["drift"])
        with open(second.path) as f:
            first.write(f.read())
        eventually(lambda: self.counts_of(first, "applied") == 1, "it follows")
        self.assertEqual(len(self.hashes()), 1)  # both have the same in the end
        fences = [weir.status()["config"]["fence"] for weir in self.fleet]
        self.assertGreater(fences[0], fences[1])
        eventually(lambda: self.redis.call("EXISTS", "weir:{test}:lock") == "0", "no lock is left")

    def test_a_holder_that_is_killed_leaves_no_lock_behind_after_one_lease(self):
        self.members(2, Redis(self), window="1m")
        first, second = self.fleet
        first.write(self.whole(self.config(0, [self.good], "limits: {header_count: 60}")))
        eventually(lambda: "watched_for_ms" in first.status()["reload"], "it is watched")
        first.process.kill()
        first.process.wait()
        second.write(self.whole(self.config(1, [self.good], "limits: {header_count: 60}", window="2s")))
        eventually(lambda: self.counts_of(second, "applied") == 1, "the other one gets the lock and changes")
        self.assertEqual(second.status()["config"]["fence"], 2)
        eventually(lambda: self.redis.call("EXISTS", "weir:{test}:lock") == "0", "no lock is left")
        eventually(lambda: [m["name"] for m in self.view(1)["members"]] == ["lb-1"], "the dead member is forgotten")

    def test_a_redis_that_is_restarted_empty_is_an_alarm_and_heals(self):
        self.members(2, Redis(self), window="2s")
        self.write([self.good], "limits: {header_count: 60}")
        eventually(lambda: self.counts("applied") == [1, 1], "both have changed")
        port = self.ports[0]
        self.redis.kill()
        eventually(lambda: self.fleet[0].metrics()["weir_fleet_reachable"] == 0, "it is missed")
        with Client(port) as client:
            self.assertEqual(client.get("/")["status"], 200)
        self.redis.start()
        eventually(
            lambda: [w.metrics()["weir_fleet_fence_alarms_total"] for w in self.fleet] == [1, 1]
            or [w.status()["lock"] for w in self.fleet]
            and sum(w.metrics()["weir_fleet_fence_alarms_total"] for w in self.fleet) == 2,
            "the alarm is given",
        )
        self.fleet[0].wait_logged("the fence of the servers")
        self.write([self.good], "limits: {header_count: 61}")
        eventually(lambda: self.counts("applied") == [2, 2], "both have changed again")
        fences = sorted(weir.status()["config"]["fence"] for weir in self.fleet)
        self.assertGreater(fences[0], 1)
        self.assertGreaterEqual(int(self.redis.call("GET", "weir:{test}:fence")), fences[1])

    def test_a_verdict_that_could_not_be_reported_is_when_redis_is_back(self):
        self.members(2, Redis(self), window="20s")
        first = self.fleet[0]
        first.write(self.whole(self.config(0, [f"127.0.0.1:{free_port()}"], fall=20)))
        eventually(lambda: "watched_for_ms" in first.status()["reload"], "it is watched")
        self.redis.hang()
        eventually(lambda: not first.status()["reload"]["in_progress"], "it is rolled back")
        self.redis.go_on()
        self.assertEqual(first.status()["reload"]["last"]["verdict"], "rolled_back")
        if "healthy" in first.status()["reload"]["last"]["errors"][0]:  # otherwise the lock was lost first
            eventually(lambda: self.view()["denylist"], "the fleet knows")

    def test_an_unreachable_redis_does_not_delay_a_start(self):
        self.ports, self.fleet, self.more, self.window, self.source = [free_port()], [], "", "2s", "file"
        self.good = self.backend(name="good")
        self.redis = Redis(self)
        self.redis.kill()
        proxy = self.weir(self.config(0, [self.good]))
        proxy.wait_logged("cannot ask the fleet about this configuration")
        with Client(self.ports[0]) as client:
            self.assertEqual(client.get("/")["status"], 200)
        self.assertFalse(proxy.status()["lock"]["reachable"])


if __name__ == "__main__":
    main()
