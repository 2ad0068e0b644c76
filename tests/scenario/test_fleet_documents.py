"""What docs/fleet.md shows works: its first example on three machines, and the rights that weir needs in Redis."""
import json
import os
import re
import subprocess
import tempfile

from support.fleet import FleetScenario
from support.redis_server import Redis
from support.scenario import WEIR, Scenario, eventually, free_port, main

SOURCE = os.environ.get("WEIR_SOURCE", ".")


def document():
    with open(os.path.join(SOURCE, "docs/fleet.md")) as f:
        return f.read()


def put_in(text, changes):
    """Applies every replacement; fails if one finds nothing to replace, as the example has changed then."""
    for old, new in changes.items():
        assert old in text, f"{old} not in {text}"
        text = text.replace(old, new)
    return text


class Example(FleetScenario):
    def example(self, backend):
        """Returns the document's first example with this test's ports; other differences come from the environment."""
        text = document().split("```yaml\n")[1].split("```")[0]
        return put_in(
            text,
            {
                "0.0.0.0:80": "127.0.0.1:${PORT}",
                '"10.0.0.11:8080", "10.0.0.12:8080"': f'"{getattr(backend, "address", backend)}"',
                "interval: 2s": "interval: 200ms, timeout: 200ms, fall: 2, rise: 1",
                "window: 30s": f"window: {self.window}",
                "redis://10.0.0.5:6379/0": f"redis://127.0.0.1:{self.redis.port}/0",
                "/var/lib/weir": '"${STATE}"',
                "127.0.0.1:9901": "127.0.0.1:${ADMIN}",
            },
        )

    def write_example(self, backend):
        for weir in self.fleet:
            weir.write(self.example(backend))

    def test_a_bad_change_of_the_first_example_runs_on_one_machine_only(self):
        self.redis, self.fleet, self.window = Redis(self), [], "1s"
        self.redis.call("CONFIG", "SET", "requirepass", "a-long-secret")
        good = self.backend(name="good")
        for i in range(3):
            state = tempfile.TemporaryDirectory()
            self.addCleanup(state.cleanup)
            admin = free_port()
            environment = {
                "PORT": str(free_port()),
                "NAME": f"lb-{i}",
                "STATE": state.name,
                "ADMIN": str(admin),
                "REDIS_PASSWORD": "a-long-secret",
            }
            self.fleet.append(
                Scenario.weir(
                    self,
                    self.example(good),
                    environment=environment,
                    admin_port=admin,
                    state_dir=state.name,
                    watch=True,
                )
            )
        eventually(lambda: [m["name"] for m in self.view()["members"]] == ["lb-0", "lb-1", "lb-2"], "all are there")
        self.assertEqual(len(self.hashes()), 1)
        other = self.backend(name="other")
        self.write_example(other)
        eventually(lambda: self.counts("applied") == [1] * 3, "a good change reaches all")
        before = self.hashes()
        self.window = "20s"
        self.write_example(f"127.0.0.1:{free_port()}")
        eventually(
            lambda: sum(self.counts("rolled_back")) == 1 and sum(self.counts("refused")) >= 2, "all have a verdict"
        )
        self.assertEqual((self.counts("applied"), self.hashes()), ([1] * 3, before))
        begun = [
            c for c in self.view()["changes"] if c["hash"] not in before and c["verdict"] == "begun" and c["fence"] > 3
        ]
        self.assertEqual(len(begun), 1, begun)  # the other two never ran it

    def test_a_member_that_is_written_out_is_refused_with_the_remedy(self):
        self.redis, self.window = Redis(self), "1s"
        for member, told, remedy in (
            ("lb-01", r'"lb-01" would make this file different on each machine', '"${NAME}"'),
            ('"${NAME:-lb-01}"', r'the default "lb-01" is no machine\'s own name', '"${NAME:-}"'),
        ):
            with self.subTest(member):
                done = self.check(put_in(self.example("127.0.0.1:1"), {'"${NAME:-}"': member}))
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, rf"weir\.yaml:\d+:\d+: reload\.lock\.member: .*{told}")
                self.assertIn(remedy, done.stderr)

    def check(self, config):
        path = os.path.join(self.folder(), "weir.yaml")
        with open(path, "w") as f:
            f.write(config)
        own = dict(PORT="1", STATE=os.path.dirname(path), ADMIN="2", REDIS_PASSWORD="a-long-secret")
        return subprocess.run(
            [WEIR, "check", "-c", path], capture_output=True, text=True, env={**os.environ, **own}, timeout=60
        )


class Literals(FleetScenario):
    """Each machine has a text of its own, without variables, so a bad change would run on all of them."""

    literal = True

    def port_text(self, i):
        return self.ports[i] if self.literal else super().port_text(i)

    def test_machines_with_texts_of_their_own_are_warned_of_once(self):
        self.members(3, Redis(self))
        listed = "; ".join(r"(lb-\d) runs [0-9a-f]{12}" for _ in range(3))
        for weir in self.fleet:
            weir.wait_logged(f"warning.*fleet test: the members run different configurations, .*: {listed}. ")
            weir.wait_logged(r"the same file, byte for byte, with \$\{NAME\} for what differs between them")
        self.assertRegex(
            self.run_fleet("status").stdout, f"\nwarning: the members run different configurations, .*: {listed}. "
        )
        status = json.loads(self.run_fleet("status", "--json").stdout)
        self.assertTrue(status["drift"])
        self.assertRegex(status["drift_warning"], f"{listed}. .*" + re.escape("${NAME}"))

        self.literal = False
        self.write([self.good], "limits: {header_count: 50}")
        for weir in self.fleet:
            weir.wait_logged("fleet test: all members run the same configuration again")
            self.assertEqual(len(re.findall("the members run different configurations", weir.log())), 1)
        status = json.loads(self.run_fleet("status", "--json").stdout)
        self.assertEqual((status["drift"], status["drift_warning"]), (False, ""))
        with self.long_window():
            self.write([f"127.0.0.1:{free_port()}"])
        eventually(
            lambda: sum(self.counts("rolled_back")) == 1 and sum(self.counts("refused")) >= 2, "one of them has run it"
        )


class Rights(FleetScenario):
    def grant(self, block=0):
        """Grants the rights in the document: the necessary ones, or with `block=1` the optional ones."""
        lines = re.findall(r"^```\n((?:ACL SETUSER .*\n)+)```$", document(), re.M)[block].splitlines()
        for line in lines:
            self.assertEqual(self.redis.call(*line.split()), "OK")

    def members_as(self, count, **kwargs):
        return self.members(count, self.redis, **kwargs)

    def lock_server(self):
        return {"url": f"redis://127.0.0.1:{self.redis.port}/0", "username": "weir", "password": "a-long-secret"}

    def test_the_documented_rights_are_enough_for_everything(self):
        self.redis = Redis(self)
        replica = Redis(self, arguments=("--replicaof", "127.0.0.1", str(self.redis.port)))
        eventually(lambda: "master_link_status:up" in replica.call("INFO", "replication"), "it follows")
        self.grant()
        self.members_as(2, source="fleet", more=", replicas: 1")
        new = self.backend(name="new")
        with tempfile.TemporaryDirectory() as directory:

            def push(backend):
                path = os.path.join(directory, "weir.yaml")
                with open(path, "w") as f:
                    f.write(self.whole(self.config(0, [backend])))
                return self.run_fleet("push", path)

            done = push(new)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with self.long_window():
                self.assertEqual(push(f"127.0.0.1:{free_port()}").returncode, 1)  # it is rolled back
            for words in (
                ("rollback",),
                ("status",),
                ("break-lock", "--yes"),
                ("unban", self.view()["denylist"][0]["hash"]),
            ):
                done = self.run_fleet(*words)
                self.assertNotIn("NOPERM", done.stdout + done.stderr)
                self.assertNotIn("ACL", done.stdout + done.stderr)
        self.assertEqual([weir.stop() for weir in self.fleet], [0, 0])
        self.assertEqual(self.redis.call("ACL", "LOG"), "")  # nothing was ever denied

    def test_missing_rights_are_reported_with_the_document_that_lists_them(self):
        self.redis, self.wait = Redis(self), "2s"
        self.grant()
        self.members_as(1)
        self.redis.call("ACL", "SETUSER", "weir", "-eval")
        report = self.fleet[0].reload(self.whole(self.config(0, [self.good], "limits: {header_count: 51}")))
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("docs/fleet.md lists those", report["errors"][0])

    def persistence(self):
        return [server["persistence"] for server in self.fleet[0].status()["lock"]["servers"]]

    def reconnects(self):
        """Cuts the connections and reloads, so that the member reports on a new one at once."""
        before = self.redis.call("CLIENT", "LIST")
        old = set(re.findall(r"^id=(\d+) .*user=weir", before, re.M))
        self.redis.call("CLIENT", "KILL", "USER", "weir")
        self.count = getattr(self, "count", 50) + 1
        report = self.fleet[0].reload(
            self.whole(self.config(0, [self.good], f"limits: {{header_count: {self.count}}}"))
        )
        self.assertEqual(report["verdict"], "applied", report)
        eventually(
            lambda: set(re.findall(r"^id=(\d+) .* user=weir", self.redis.call("CLIENT", "LIST"), re.M)) - old,
            "it has a new connection",
        )

    def asked(self, path):
        with open(path, encoding="latin-1") as f:
            return sum("acl_check_cmd" in line for line in f)

    def test_without_the_optional_right_nothing_is_denied_or_logged(self):
        self.redis = Redis(self)
        self.grant()
        path = self.redis.monitor(self)
        self.members_as(1)
        eventually(lambda: self.asked(path), "it has asked what it may do")
        for _ in range(2):
            self.reconnects()
        self.assertEqual(self.persistence(), ["unknown"])
        self.assertEqual(self.redis.call("ACL", "LOG"), "")
        self.assertNotRegex(self.fleet[0].log(), "NOPERM|does not persist its data")

    def test_a_server_without_persistence_is_reported_once(self):
        self.redis = Redis(self)  # appendonly no, save ""
        self.grant()
        self.grant(1)
        path = self.redis.monitor(self)
        self.members_as(1)
        self.fleet[0].wait_logged("does not persist its data")
        self.assertEqual(self.persistence(), ["none"])
        self.assertIn(str(self.redis.port), self.fleet[0].status()["lock"]["servers"][0]["url"])
        self.reconnects()
        eventually(lambda: self.asked(path) == 2, "it asks again: the server may be another one")
        self.redis.call("CONFIG", "SET", "appendonly", "yes")
        self.reconnects()
        eventually(lambda: self.persistence() == ["append_only_file"], "it keeps its data now")
        self.assertEqual(len(re.findall("does not persist its data", self.fleet[0].log())), 1)
        self.assertEqual(self.redis.call("ACL", "LOG"), "")

    def test_servers_that_keep_their_data_are_shown_and_not_warned_of(self):
        for right, arguments, persistence in (
            ("+config|get", ("--appendonly", "yes"), "append_only_file"),
            ("+config|get", ("--save", "3600 1"), "snapshots"),
            ("+info", ("--appendonly", "yes"), "append_only_file"),
            ("+info", (), "unknown"),
        ):
            with self.subTest(right, arguments=arguments):
                self.redis = Redis(self, arguments=arguments)
                self.grant()
                self.assertEqual(self.redis.call("ACL", "SETUSER", "weir", right), "OK")
                path = self.redis.monitor(self)
                self.members_as(1)
                eventually(lambda: self.asked(path), "it has asked what it may do")
                if persistence != "unknown":
                    eventually(lambda: self.persistence() == [persistence], f"it is {persistence}")
                self.assertEqual(self.fleet[0].stop(), 0)
                self.assertNotIn("does not persist its data", self.fleet[0].log())
                self.assertEqual(self.redis.call("ACL", "LOG"), "")


if __name__ == "__main__":
    main()
