"""`weir plan` asks the running process for its environment, files, ports, names and lock, and changes nothing."""
import fcntl
import json
import os
import signal
import socket
import subprocess

from support.redis_server import Redis, lock
from support.scenario import WEIR, Scenario, eventually, free_port, main, web

MORE = "limits: {header_count: 50}\n"


class PlanScenario(Scenario):
    def serve(self, more="", **kwargs):
        self.port, self.one = free_port(), self.backend()
        self.config = web(self.port, [self.one], more=more)
        self.proxy = self.weir(self.config, **kwargs)

    def plan(self, *words, environment=None, path=None):
        """Runs `weir plan` without the environment of the process; returns the exit code, the output and the errors."""
        done = subprocess.run(
            [WEIR, "plan", "-c", path or self.proxy.path, *words],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment or dict(os.environ),
        )
        return done.returncode, done.stdout, done.stderr

    def planned(self, config, **kwargs):
        self.proxy.write(config)
        return self.plan(**kwargs)

    def refused(self, config, pattern, **kwargs):
        code, out, err = self.planned(config, **kwargs)
        self.assertEqual(code, 1, out + err)
        self.assertRegex(err, pattern)
        self.assertIn("a reload would be refused", out)
        return out

    def listener(self, port):
        return web(self.port, [self.one], listeners={"other": port})


class Refusals(PlanScenario):
    def test_a_denylisted_file_would_be_refused_without_force(self):
        self.serve(more="reload: {watch: false, rollback: {window: 10m}}\n")
        self.proxy.write(self.config + MORE)
        self.proxy.signal(signal.SIGHUP)
        eventually(lambda: self.proxy.status()["reload"]["window"], "the window is open")
        self.assertIn("is in its canary window", self.planned(self.config + "limits: {header_count: 60}\n")[1])
        self.assertEqual(self.proxy.command("reload", "--abort", "-c", self.proxy.path)[0], 0)
        out = self.refused(self.config + MORE, "this configuration was rolled back at .*weir reload --force")
        self.assertIn("a reload would be refused without --force: this configuration is on the denylist\n", out)
        plan = json.loads(self.plan("--json")[1])
        self.assertEqual((plan["verdict"], plan["denylisted"]), ("refused", True))
        self.assertEqual(len(self.proxy.status()["reload"]["denylist"]), 1)

    def test_a_file_that_is_wrong_is_refused_with_every_error(self):
        self.serve()
        self.refused(
            self.config + "limits: {nonsense: 1}\nretries: {budget: 3}\n",
            rf"(?s){self.proxy.path}:\d+:\d+: limits: unknown key \"nonsense\".*retries.budget",
        )
        self.assertEqual(self.proxy.status()["reload"]["last"]["trigger"], "start")

    def test_an_address_that_cannot_be_bound_is_found_without_listening_there(self):
        """Nothing listens there after the plan either."""
        self.serve()
        busy, free = free_port(), free_port()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", busy))
            holder.listen()
            self.refused(
                self.listener(busy), rf"listeners.other.address: cannot bind 127.0.0.1:{busy}: Address already in use"
            )
        code, out, _ = self.planned(self.listener(free))
        self.assertEqual((code, out), (0, "+ listener other (starts to accept connections)\n"))
        with socket.socket() as other:  # without SO_REUSEADDR, this fails if weir left anything there
            other.bind(("127.0.0.1", free))

    def test_names_logs_and_tokens_are_looked_at_and_nothing_is_made(self):
        self.serve()
        name = web(self.port, ["no-such-name.invalid:80"])
        self.refused(name, r"pools.web.backends\[0\].address: cannot resolve \"no-such-name.invalid\"")
        self.refused(
            self.config + "logging: {access: {output: /nowhere/access.log}}\n",
            "logging.access.output: cannot open /nowhere/access.log",
        )
        self.refused(
            self.config + "logging: {access: {output: /tmp}}\n",
            "logging.access.output: cannot open /tmp: Is a directory",
        )
        self.refused(
            web(self.port, [self.one], {"type": "heartbeat", "mode": "push", "token_file": "/nowhere/token"}),
            "health_check.token_file",
        )
        path = os.path.join(self.folder(), "access.log")
        self.assertEqual(self.planned(self.config + f"logging: {{access: {{output: {path}}}}}\n")[0], 0)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.proxy.status()["pools"][0].get("unresolved"), None)

    def test_a_plan_explains_what_needs_a_restart(self):
        self.serve()
        state = self.folder()
        process = f"process: {{workers: 3, state_dir: {state}, drain_timeout: 10s}}\n"
        out = self.refused(
            self.config + process, r"process: ~ process: workers 2 → 3, state_dir \S+ → \S+ \(needs a restart\)"
        )
        self.assertIn(
            "    worker threads are started once, with the process; "
            "files in the old directory are not moved: the fence, the denylist",
            out,
        )
        self.assertIn(
            "note: restart weir to apply the changes that need it: "
            "open connections have 10s (process.drain_timeout) to finish",
            out,
        )
        self.assertIn("a reload would be refused: some of the changes need a restart\n", out)
        self.assertEqual(os.listdir(state), [])

    def test_a_plan_explains_the_state_of_a_backend(self):
        self.serve()
        for state, words in (
            ("drain", "gets no new clients; clients with a sticky cookie for it stay"),
            ("maint", "gets no new requests; connections that are still open after process.drain_timeout are closed"),
        ):
            out = self.planned(web(self.port, [{"address": self.one.address, "state": state}]))[1]
            self.assertRegex(out, rf"~ backend web/\S+: state ready → {state} \({words}")
        self.assertEqual(self.proxy.backends()[self.one.address]["file"]["state"], "ready")


class Circumstances(PlanScenario):
    def test_variables_are_those_of_the_running_process(self):
        self.serve(environment={"LIMIT": "50"})
        wanted = self.config + 'limits: {header_count: "${LIMIT}"}\n'
        code, out, err = self.planned(wanted)  # the command has no such variable
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^~ limits: header_count 100 → \$\{LIMIT\} \(sha256:[0-9a-f]{12}\)\n$")
        self.assertEqual(self.plan(environment=dict(os.environ, LIMIT="nonsense"))[:2], (0, out))
        self.assertEqual(self.proxy.reload()["verdict"], "applied")
        self.assertEqual(self.plan(environment=dict(os.environ, LIMIT="60"))[1], "nothing would change\n")
        self.refused(
            self.config + 'limits: {header_count: "${NOT_THERE}"}\n',
            "NOT_THERE is not set",
            environment=dict(os.environ, NOT_THERE="50"),
        )

    def test_includes_are_read_by_the_running_process_also_by_its_variables(self):
        self.serve(environment={"PART": "one"})
        for name, count in (("one", 50), ("two", 60)):
            with open(os.path.join(self.proxy.directory, f"{name}.yaml"), "w") as f:
                f.write(f"limits: {{header_count: {count}}}\n")
        wanted = 'include: ["${PART}.yaml"]\n' + self.config
        for environment in (None, dict(os.environ, PART="two")):
            self.assertEqual(
                self.planned(wanted, environment=environment)[:2], (0, "~ limits: header_count 100 → 50\n")
            )

    def test_another_file_is_sent_with_all_that_it_includes(self):
        self.serve()
        folder = self.folder()
        path = os.path.join(folder, "other.yaml")
        with open(path, "w") as f:
            f.write("include: [parts/*.yaml]\n" + self.proxy.configuration())
        os.mkdir(os.path.join(folder, "parts"))
        with open(os.path.join(folder, "parts", "limits.yaml"), "w") as f:
            f.write(MORE)
        os.chmod(folder, 0o700)
        code, out, err = self.plan(path=path)
        self.assertEqual((code, out, err), (0, "~ limits: header_count 100 → 50\n", ""))

    def test_a_lock_that_is_held_or_silent_is_noticed(self):
        redis = Redis(self)
        self.serve(more=lock(redis.port, wait="20s"))
        redis.call("SET", "weir:{test}:lock", "lb-2:77:0", "PX", "600000")
        code, out, _ = self.planned(self.config + MORE)
        self.assertEqual(code, 0)
        self.assertIn(
            "note: the lock is held by lb-2:77: a reload waits for it for at most 20s (reload.lock.wait), "
            "and is then refused\n",
            out,
        )
        self.assertEqual(redis.call("GET", "weir:{test}:lock"), "lb-2:77:0")
        redis.kill()
        self.refused(self.config + MORE, "the lock servers do not answer: .*; a reload waits for them for 20s")
        self.refused(
            web(self.port, [self.one], more=lock(free_port(), wait="20s")),
            "the lock servers do not answer: .*weir reload --force",
        )
        self.assertEqual(self.planned(self.config), (0, "nothing would change\n", ""))

    def test_a_local_lock_that_is_held_is_noticed_with_its_holder(self):
        self.serve(more="reload: {watch: false, lock: {wait: 1s}}\n")
        self.assertNotIn("the lock is held", self.planned(self.config + MORE)[1])
        with open(os.path.join(self.proxy.state_dir, "reload.lock"), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            code, out, _ = self.plan()
            self.assertEqual(code, 0)
            self.assertRegex(
                out,
                rf"note: the lock is held by process {os.getpid()} \(.+\): a reload waits for it for at most 1s "
                r"\(reload.lock.wait\), and is then refused\n",
            )
            self.assertEqual(self.proxy.reload()["verdict"], "refused")  # as the plan said
        self.assertNotIn("the lock is held", self.plan()[1])
        self.assertEqual(self.proxy.reload()["verdict"], "applied")

    def test_what_the_fleet_knows_to_be_bad_is_reported(self):
        redis = Redis(self)
        self.serve(more=lock(redis.port, wait="20s"))
        self.proxy.write(self.config + MORE)
        digest = subprocess.run(["sha256sum", self.proxy.path], capture_output=True, text=True).stdout.split()[0]
        redis.call(
            "HSET",
            "weir:{test}:bad",
            digest,
            json.dumps({"hash": digest, "why": "it made web sick", "author": "lb-9", "since": 1}),
        )
        out = self.refused(self.config + MORE, "lb-9 rolled this configuration back at .*: it made web sick")
        self.assertIn("without --force", out)
        self.assertEqual(self.proxy.status()["reload"]["denylist"], [])

    def test_nothing_of_a_plan_stays(self):
        self.serve()
        before = self.proxy.descriptors()
        for _ in range(8):
            self.assertEqual(self.planned(self.listener(free_port()) + MORE)[0], 0)
        self.assertLess(self.proxy.descriptors(), before + 5)
        status = self.proxy.status()
        self.assertEqual(
            (status["config"]["generation"], status["reload"]["last"]["trigger"], len(status["listeners"])),
            (1, "start", 1),
        )


class NoProcess(PlanScenario):
    def test_without_a_process_the_plan_compares_with_the_last_good_file(self):
        """The plan says that it compares with the last configuration that worked."""
        self.serve()
        self.proxy.reload(self.config + MORE)
        self.proxy.stop()
        code, out, err = self.planned(self.config + "limits: {header_count: 60}\n")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(
            out,
            r"^~ limits: header_count 50 → 60\nnote: cannot reach weir at .*refused: compared with the last "
            r"good configuration, with the environment of this command\n$",
        )
        self.proxy.write(self.config + "limits: {nonsense: 60}\n")
        self.assertEqual(self.plan()[0], 1)

    def test_where_nothing_ever_ran_everything_is_new(self):
        path = os.path.join(self.folder(), "weir.yaml")
        with open(path, "w") as f:
            f.write(
                web(free_port(), [self.backend()])
                + f'process: {{state_dir: {self.folder()}}}\nadmin: {{address: "127.0.0.1:{free_port()}"}}\n'
            )
        code, out, _ = self.plan(path=path)
        self.assertEqual(code, 0)
        self.assertIn("+ listener web", out)
        self.assertIn("compared with an empty configuration, because there is no last good one", out)


class Rights(PlanScenario):
    def test_a_plan_needs_the_rights_of_a_reload(self):
        folder = self.folder()
        tokens = {}
        for name in ("full", "read"):
            tokens[name] = os.path.join(folder, name)
            with open(tokens[name], "w") as f:
                f.write(f"a token that is {name}\n")
        admin = free_port()
        self.serve(
            more=f'admin: {{address: "127.0.0.1:{admin}", token_file: {tokens["full"]}, '
            f'read_token_file: {tokens["read"]}}}\n',
            admin_port=admin,
        )
        self.proxy.write(self.config + MORE)
        self.assertEqual(self.plan()[:2], (0, "~ limits: header_count 100 → 50\n"))
        for command in ("plan", "reload"):
            code, _, err = self.proxy.command(command, "-c", self.proxy.path, "--token-file", tokens["read"])
            self.assertEqual(code, 1)
            self.assertIn("this token is read-only", err)
        self.assertEqual(self.proxy.admin("POST", "/api/v1/plan")[0], 401)
        headers = {"Authorization": "Bearer a token that is full"}
        status, body = self.proxy.admin("POST", "/api/v1/plan", headers)  # no body: the file that a reload would read
        self.assertEqual(
            (status, [c["text"] for c in json.loads(body)["changes"]]), (200, ["~ limits: header_count 100 → 50"])
        )


if __name__ == "__main__":
    main()
