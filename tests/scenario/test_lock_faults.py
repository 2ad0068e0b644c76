"""A Redis whose answers are cut, dropped or delayed at every byte, and holders that are killed at every step: changes
stay in the order of their fences, and no lock is left behind."""
import concurrent.futures
import contextlib
import itertools
import re
import tempfile

from support.redis_proxy import RedisProxy
from support.redis_server import Redis, lock
from support.scenario import Client, Scenario, eventually, free_port, main, web

HINDERED = "cannot acquire the lock|cannot announce the change|the lock was lost"
LANES = 6  # number of parallel runs: most of the time they wait


class MachineScenario(Scenario):
    def machine(self, name, port, redis_port, backend, state=None, rollback="", environment=None):
        if state is None:
            directory = tempfile.TemporaryDirectory()
            self.addCleanup(directory.cleanup)
            state = directory.name
        admin = free_port()
        own = {"NAME": name, "PORT": str(port), "REDIS": str(redis_port), "STATE": state, "ADMIN": str(admin)}
        return self.weir(
            self.text(backend, 50, rollback),
            state_dir=state,
            admin_port=admin,
            environment={**own, **(environment or {})},
        )

    def text(self, backend, count, rollback=""):
        """Returns the same text for every machine: what differs comes from the environment."""
        text = web("${PORT}", [backend], more=f"limits: {{header_count: {count}}}")
        text += lock("redis://127.0.0.1:${REDIS}/0", ', member: "${NAME}"', ttl="4s", wait="20s", rollback=rollback)
        return text + 'process: {workers: 1, state_dir: "${STATE}"}\nadmin: {address: "127.0.0.1:${ADMIN}"}\n'

    def check_records(self, weir, redis):
        """Checks that no fence has two configurations, that records are in fence order, and that no lock is left."""
        eventually(lambda: redis.call("EXISTS", "weir:{test}:lock") == "0", "no lock is left")
        changes = [c for c in reversed(weir.get_json("/api/v1/fleet")["changes"]) if c["verdict"] == "begun"]
        fences = [c["fence"] for c in changes]
        self.assertEqual(fences, sorted(fences))
        self.assertEqual(len(set(fences)), len({(c["fence"], c["hash"]) for c in changes}), changes)
        self.assertLessEqual(max(fences, default=0), int(redis.call("GET", "weir:{test}:fence") or 0))


class Faults(MachineScenario):
    def lane(self):
        """Returns a Redis, and a proxy in front of it."""
        redis = Redis(self)
        return redis, RedisProxy(self, redis.port)

    def answers_at_every_byte(self, kind):
        def lane(number):
            redis, proxy = self.lane()
            port, backend = free_port(), self.backend()
            weir = self.machine("lb-0", port, proxy.port, backend)
            weir.reload(self.text(backend, 51))
            proxy.set("delay", 10**9)  # never strikes, and counts the bytes
            weir.reload(self.text(backend, 52))
            size, fence = proxy.answered, 0
            fewest = 15  # bytes for one change: lease, known verdict, beginning, end
            self.assertGreater(size, fewest)
            for byte in range(number, size + 1, LANES):
                proxy.set(kind, byte)
                report = weir.reload(self.text(backend, 60 + byte))
                if byte < fewest:
                    self.assertTrue(proxy.struck or report["verdict"] == "refused", byte)
                proxy.set()
                self.assertIn(report["verdict"], ("applied", "refused"), report)
                if report["verdict"] == "applied":
                    self.assertGreater(report["fence"], fence)
                    fence = report["fence"]
                else:
                    self.assertRegex(report["errors"][0], HINDERED)
                with Client(port) as client:
                    self.assertEqual(client.get("/")["status"], 200)
                for _ in range(3):  # must succeed, but the server may be silent for a moment
                    report = weir.reload(self.text(backend, 200 + byte))
                    if report["verdict"] == "applied" or not re.search(HINDERED, report["errors"][0]):
                        break
                self.assertEqual(report["verdict"], "applied", report)
                self.assertGreater(report["fence"], fence)
                fence = report["fence"]
                self.check_records(weir, redis)
            return size

        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            list(pool.map(lane, range(LANES)))

    def test_answers_that_are_cut_at_every_byte(self):
        self.answers_at_every_byte("cut")

    def test_answers_that_are_dropped_from_every_byte_on(self):
        self.answers_at_every_byte("drop")

    def test_answers_that_are_delayed_at_every_byte(self):
        self.answers_at_every_byte("delay")

    def test_a_holder_killed_at_any_step_delays_others_by_one_lease_at_most(self):
        """No change takes effect twice."""
        steps = {  # each by a text that occurs in its script only
            "lease": b"'SET', KEYS[1], ARGV[1], 'NX'",
            "opinion": b"'HGET', KEYS[2], ARGV[1]",
            "begin": b"ARGV[4] == 'beside'",
            "finish": b"'ZREMRANGEBYRANK'",
            "renewal": b"'PEXPIRE', KEYS[1], ARGV[2]",
            "release": b"return redis.call('DEL', KEYS[1])",
        }
        cases = [(mark, when) for mark in steps.values() for when in ("before", "after")]
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            verdicts = dict(
                zip(
                    [(name, when) for name in steps for when in ("before", "after")],
                    pool.map(lambda case: self.killed_at(*case), cases),
                )
            )
        self.assertEqual(
            {
                verdicts[step]
                for step in (("lease", "before"), ("lease", "after"), ("opinion", "after"), ("begin", "before"))
            },
            {None},
        )
        self.assertEqual(
            {verdicts[step] for step in (("begin", "after"), ("renewal", "before"), ("finish", "before"))}, {"begun"}
        )
        self.assertEqual(
            {verdicts[step] for step in (("finish", "after"), ("release", "before"), ("release", "after"))}, {"good"}
        )

    def killed_at(self, mark, when):
        """Kills the first machine during a command; returns the last verdict that the fleet has recorded for it."""
        redis, proxy = self.lane()
        ports, backend = [free_port(), free_port()], self.backend()
        rollback = "rollback: {window: 2500ms}, "
        first = self.machine("lb-0", ports[0], proxy.port, backend, rollback=rollback)
        second = self.machine("lb-1", ports[1], redis.port, backend, rollback=rollback)
        eventually(lambda: len(second.get_json("/api/v1/fleet")["members"]) == 2, "both are there")
        first_of_it = itertools.count()

        def on_command(words):
            if words[0] != b"EVAL" or mark not in words[1] or next(first_of_it):
                return None
            if when == "after":
                proxy.set("drop")  # the answer gets no further than the proxy
                return answered_and_killed
            first.process.kill()
            first.process.wait()
            raise OSError("it never goes on its way")

        def answered_and_killed():
            eventually(lambda: proxy.answered > 0, "the server has carried it out")
            first.process.kill()

        proxy.on_command = on_command
        first.write(self.text(backend, 70, rollback))
        with contextlib.suppress(OSError, ValueError):  # it dies during the request
            first.admin("POST", "/api/v1/reload?wait=1")
        eventually(lambda: first.process.poll() is not None, "it is dead")
        verdicts = [c["verdict"] for c in second.get_json("/api/v1/fleet")["changes"] if c["member"] == "lb-0"]
        report = second.reload(self.text(backend, 70, rollback))
        self.assertEqual(report["verdict"], "applied", report)
        self.check_records(second, redis)
        proxy.on_command = None
        proxy.set()
        again = self.machine("lb-0", ports[0], proxy.port, backend, state=first.state_dir, rollback=rollback)
        last = again.reload(self.text(backend, 70, rollback))
        self.assertEqual(last["verdict"], "applied", last)
        self.assertGreater(last["fence"], report["fence"])
        self.assertEqual(again.status()["config"]["hash"], second.status()["config"]["hash"])
        self.check_records(second, redis)
        return verdicts[0] if verdicts else None


if __name__ == "__main__":
    main()
