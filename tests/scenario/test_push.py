"""Configurations that weir distributes to every machine of a fleet, and parallel changes."""
import json
import os
import subprocess
import tempfile

from support.certificates import Authority
from support.fleet import FleetScenario
from support.redis_server import Redis, took_turns
from support.scenario import WEIR, Client, eventually, free_port, main
from support.tls_clients import TlsClient


class Push(FleetScenario):
    def pushed(self, backends, more="", name="new.yaml"):
        """Writes the file to push; returns its path."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, name)
        with open(path, "w") as f:
            f.write(self.whole(self.config(0, backends, more)))
        return path

    def answers(self, i):
        with Client(self.ports[i]) as client:
            return client.get("/")["fields"].get("x-backend")

    def test_a_push_reaches_every_machine_and_a_bad_push_only_the_first(self):
        """A fleet rollback then brings the last good configuration back."""
        self.members(4, Redis(self), source="fleet")
        events = self.redis.watch(self)
        new = self.backend(name="new")
        done = self.run_fleet("push", self.pushed([new]))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[0]["version"], 1)
        self.assertEqual(
            [(line["number"], line["of"], line["verdict"]) for line in lines[1:]],
            [(n, 4, "good") for n in (1, 2, 3, 4)],
        )
        self.assertEqual(sorted(line["member"] for line in lines[1:]), ["lb-0", "lb-1", "lb-2", "lb-3"])
        self.assertTrue(all(line["took_ms"] >= 2000 for line in lines[1:]), lines)
        took_turns(self, self.redis, events, least=4)  # one after the other
        self.assertEqual(self.hashes(), {lines[0]["hash"]})
        self.assertEqual([self.answers(i) for i in range(4)], ["new"] * 4)

        with self.long_window():
            bad = self.pushed([f"127.0.0.1:{free_port()}"])
        done = self.run_fleet("push", bad, member=1)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        last = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((last["verdict"], last["of"]), ("bad", 4))
        self.assertIn("0 of 1 backends are healthy", last["reason"])
        eventually(lambda: sum(self.counts("refused")) == 3, "the other machines refuse it")
        self.assertEqual([self.answers(i) for i in range(4)], ["new"] * 4)
        bad = [c for c in self.view()["changes"] if c["hash"] == last["hash"]]
        self.assertEqual([c["verdict"] for c in bad], ["bad", "begun", "pushed"])  # the other three never ran it
        again = self.run_fleet(
            "push", self.pushed([f"127.0.0.1:{free_port()}"], "limits: {header_count: 44}"), "--dry-run"
        )
        self.assertEqual(again.returncode, 0)  # another version, which no machine knows yet

        newest = self.backend(name="newest")
        self.assertEqual(self.run_fleet("push", self.pushed([newest])).returncode, 0)
        self.assertEqual([self.answers(i) for i in range(4)], ["newest"] * 4)
        done = self.run_fleet("rollback", member=2)  # skips the bad version
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([json.loads(line)["verdict"] for line in done.stdout.splitlines()[1:]], ["good"] * 4)
        self.assertEqual([self.answers(i) for i in range(4)], ["new"] * 4)
        shown = self.run_fleet("status").stdout
        self.assertRegex(shown, r"version 4 +[0-9a-f]{12}  pushed through lb-2")
        self.assertEqual(self.hashes(), {lines[0]["hash"]})

        self.fleet[3].stop()
        eventually(lambda: len(self.view()["members"]) == 3, "it has left")
        config = self.config(3, [self.good])
        self.assertEqual(self.again(3, config).status()["config"]["hash"], lines[0]["hash"])  # not that of its own file
        self.fleet[3].stop()
        self.redis.kill()
        alone = self.again(3, config)
        self.assertEqual(alone.status()["config"]["hash"], lines[0]["hash"])
        alone.wait_logged("starting with the last good configuration of this machine")
        self.assertEqual(self.answers(3), "new")
        self.assertEqual(
            json.loads(alone.admin("POST", "/api/v1/reload?wait=1")[1])["verdict"], "refused"
        )  # the fleet cannot be asked
        self.redis.start()  # without any data
        eventually(lambda: all(weir.metrics()["weir_fleet_reachable"] for weir in self.fleet), "they are in touch")
        eventually(lambda: len(self.view()["members"]) == 4, "all are in it again")
        self.assertEqual([self.answers(i) for i in range(4)], ["new"] * 4)
        done = self.run_fleet("push", self.pushed([self.good, new]))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["version"], 5)  # numbers do not restart
        self.assertEqual(len(self.hashes()), 1)

    def test_a_starting_machine_does_not_run_what_the_fleet_knows_to_be_bad(self):
        self.members(2, Redis(self), source="fleet")
        new = self.backend(name="new")
        self.assertEqual(self.run_fleet("push", self.pushed([new])).returncode, 0)
        with self.long_window():
            bad = self.pushed([f"127.0.0.1:{free_port()}"])
        self.assertEqual(self.run_fleet("push", bad).returncode, 1)
        self.fleet[1].stop()
        late = self.again(1, self.config(1, [self.good]))
        self.assertEqual(self.answers(1), "new")
        late.wait_logged("the fleet.s: .*(rolled this configuration back|was rolled back)")
        late.wait_logged("starting with the last good configuration")

    def test_an_unbanned_configuration_is_taken_when_it_is_pushed_again(self):
        self.members(3, Redis(self), source="fleet")
        port = free_port()
        with self.long_window("8s"):
            path = self.pushed([f"127.0.0.1:{port}"])
        done = self.run_fleet("push", path)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("it was rolled back, and the other machines refuse it", done.stderr)
        eventually(lambda: sum(self.counts("refused")) == 2, "the other machines refuse it")
        self.backend(name="late", port=port)
        self.assertEqual(self.run_fleet("push", path).returncode, 1)  # it is still known to be bad
        self.assertEqual(self.run_fleet("unban", self.view()["denylist"][0]["hash"][:12]).returncode, 0)
        done = self.run_fleet("push", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([self.answers(i) for i in range(3)], ["late"] * 3)

    def test_a_push_that_cannot_have_the_lock_in_time_is_tried_again(self):
        self.members(2, Redis(self), source="fleet", window="2s")
        self.wait = "1s"
        self.assertEqual(self.run_fleet("push", self.pushed([self.good], "limits: {header_count: 41}")).returncode, 0)
        self.redis.call("SET", "weir:{test}:lock", "other:1:0", "PX", "60000")
        new = self.backend(name="new")
        self.assertEqual(self.run_fleet("push", self.pushed([new]), "--no-wait").returncode, 0)
        eventually(lambda: sum(self.counts("refused")) >= 2, "they give up")
        self.redis.call("DEL", "weir:{test}:lock")
        eventually(lambda: [self.answers(i) for i in range(2)] == ["new"] * 2, "and take it all the same")

    def test_machines_whose_wait_is_shorter_than_a_window_keep_waiting(self):
        """The wait starts again when another machine's change has passed."""
        self.wait = "1s"
        self.members(3, Redis(self), source="fleet", window="2500ms")
        done = self.run_fleet("push", self.pushed([self.backend(name="new")]))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([json.loads(line)["verdict"] for line in done.stdout.splitlines()[1:]], ["good"] * 3)
        self.assertEqual([self.answers(i) for i in range(3)], ["new"] * 3)

    def test_what_cannot_be_pushed_is_reported_with_its_place_and_not_stored(self):
        self.members(1, Redis(self), source="fleet", window="2s")

        def refused(path, *words):
            done = self.run_fleet("push", path)
            self.assertEqual(done.returncode, 1, done.stdout)
            for word in words:
                self.assertIn(word, done.stderr)

        wrong = self.pushed([self.good], "limits: {header_cont: 5}")
        refused(wrong, "new.yaml:", 'did you mean "header_count"?')
        self.source = "file"
        refused(self.pushed([self.good]), "new.yaml:", "reload.source: write fleet")
        self.source = "fleet"
        other = self.pushed([self.good])
        with open(other) as f:
            text = f.read()
        with open(other, "w") as f:
            f.write(text.replace("fleet: test", "fleet: other"))
        refused(other, "reload.lock: it names another fleet")
        with open(other, "w") as f:
            f.write(text.replace("workers: 1", "workers: 2"))
        refused(other, "needs a restart")
        with open(other, "w") as f:
            f.write(text + "#" * 600000)
        refused(other, "limited to 512 KiB")
        with open(other, "w") as f:
            f.write(text + 'include: ["missing.yaml"]\n')
        refused(other, "there is no file")
        refused("/nonexistent/weir.yaml", "cannot be read")
        dry = self.run_fleet("push", self.pushed([self.good, self.backend(name="more")]), "--dry-run")
        self.assertEqual(dry.returncode, 0)
        self.assertTrue(
            any(c["kind"] == "backend" and c["type"] == "added" for c in json.loads(dry.stdout)["changes"]), dry.stdout
        )
        self.assertEqual(self.run_fleet("rollback").returncode, 1)
        self.assertEqual(self.view()["versions"], [])
        self.assertEqual(self.redis.call("EXISTS", "weir:{test}:texts"), "0")

    def test_a_pushed_configuration_brings_what_it_includes(self):
        self.members(2, Redis(self), source="fleet", window="2s")
        new = self.backend(name="new")
        path = self.pushed([self.good])
        with open(path) as f:
            text = f.read()
        start, end = text.index("pools:"), text.index("reload:")
        os.mkdir(os.path.join(os.path.dirname(path), "conf.d"))
        with open(path, "w") as f:
            f.write(text[:start] + text[end:] + "include: [conf.d/*.yaml]\n")
        with open(os.path.join(os.path.dirname(path), "conf.d", "pools.yaml"), "w") as f:
            f.write(text[start:end].replace(self.good.address, new.address))
        done = self.run_fleet("push", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([self.answers(i) for i in range(2)], ["new"] * 2)

    def test_certificates_of_a_pushed_configuration_are_watched(self):
        self.members(1, Redis(self), source="fleet")
        authority = Authority(self.folder())
        pair = authority.issue("a.example")
        self.listener = {"tls": {"certificates": [pair]}}
        done = self.run_fleet("push", self.pushed([self.good]))
        self.assertEqual(done.returncode, 0, done.stderr)
        client = TlsClient(self, authority, self.ports[0])
        before = client.connect().getpeercert(binary_form=True)
        authority.issue("a.example", to=pair)
        eventually(lambda: client.connect().getpeercert(binary_form=True) != before, "the new one is served")

    def test_members_that_leave_without_it_are_named_and_the_exit_code_is_1(self):
        """One stops and signs off; the other one dies, and leaves the list when it has been silent for too long."""
        self.members(4, Redis(self), source="fleet", window="10s")
        path = self.pushed([self.good, self.backend(name="new")])
        push = subprocess.Popen(
            [WEIR, "fleet", "push", path, "--admin", f"127.0.0.1:{self.fleet[0].admin_port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(push.kill)
        eventually(lambda: self.view()["changes"], "the first one has begun")
        first = self.view()["changes"][0]["member"]
        stopped, killed = [i for i in range(1, 4) if f"lb-{i}" != first][:2]
        self.fleet[killed].process.kill()
        self.assertEqual(self.fleet[stopped].stop(), 0)
        out, err = push.communicate(timeout=90)
        self.assertEqual(push.returncode, 1, out + err)
        gone = ", ".join(f"lb-{i}" for i in sorted((stopped, killed)))
        self.assertIn(f"it is not in force on every machine: {gone} left the fleet before it had finished", err)
        lines = [json.loads(line) for line in out.splitlines()][1:]
        self.assertEqual([line["verdict"] for line in lines], ["good"] * 2, out)
        self.assertEqual(
            {line["member"] for line in lines}, {f"lb-{i}" for i in range(4) if i not in (stopped, killed)}
        )

    def test_progress_on_a_real_terminal(self):
        self.members(2, Redis(self), source="fleet", window="2s")
        path = self.pushed([self.good, self.backend(name="new")])
        code, shown = self.on_terminal("fleet", "push", path, "--admin", f"127.0.0.1:{self.fleet[0].admin_port}")
        self.assertEqual(code, 0)
        self.assertRegex(shown, rb"\+ backend web/127\.0\.0\.1:\d+")
        self.assertRegex(shown, rb"version 1 \(hash [0-9a-f]{12}\) is pushed")
        self.assertRegex(shown, rb"lb-\d is watching")
        self.assertRegex(shown, rb"\[1/2\] lb-\d good [0-9a-f]{12} in \d+\.\ds\r\n")
        self.assertRegex(shown, rb"\[2/2\] lb-\d good [0-9a-f]{12} in \d+\.\ds\r\n")


class Parallel(FleetScenario):
    def test_after_the_first_the_others_follow_side_by_side(self):
        self.members(5, Redis(self), window="4s", more=", parallel: 75%")
        self.write([self.good], "limits: {header_count: 50}")
        eventually(lambda: self.counts("applied") == [1] * 5, "it reaches all")
        changes = [c["verdict"] for c in reversed(self.view()["changes"])]
        self.assertEqual(changes[:2], ["begun", "good"])  # the first machine changes alone
        self.assertEqual(changes[2:5], ["begun"] * 3)  # then three at a time
        self.assertEqual(sorted(changes), ["begun"] * 5 + ["good"] * 5)
        fences = [c["fence"] for c in self.view()["changes"] if c["verdict"] == "begun"]
        self.assertEqual(len(set(fences)), 5)
        self.assertEqual(len(self.hashes()), 1)
        eventually(lambda: self.redis.call("KEYS", "weir:{test}:lock*") == "", "no lock is left")

    def test_a_bad_configuration_still_stops_at_the_first(self):
        self.members(4, Redis(self), window="2s", more=", parallel: 4")
        good = self.hashes()
        with self.long_window():
            self.write([f"127.0.0.1:{free_port()}"])
        eventually(lambda: sum(self.counts("rolled_back")) + sum(self.counts("refused")) == 4, "all have a verdict")
        self.assertEqual((sum(self.counts("rolled_back")), sum(self.counts("refused"))), (1, 3))
        self.assertEqual(self.hashes(), good)
        followed = self.run_fleet("follow")
        self.assertEqual(followed.returncode, 1)
        self.assertEqual(json.loads(followed.stdout.splitlines()[-1])["verdict"], "bad")


if __name__ == "__main__":
    main()
