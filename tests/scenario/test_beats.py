"""Backends that send heartbeats themselves: accepted only if they are signed, new and in time."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import tempfile
import time

from support.scenario import WEIR, Client, Scenario, eventually, free_port, main, web

TOKEN = "a token that is hard to guess"


class BeatScenario(Scenario):
    def serve(self, count=1, interval="200ms", fall=3, rise=1, **kwargs):
        self.port = free_port()
        self.behind = [self.backend(name=f"b{i}") for i in range(count)]
        self.files = tempfile.TemporaryDirectory()
        self.addCleanup(self.files.cleanup)
        self.token_file = os.path.join(self.files.name, "token")
        with open(self.token_file, "w") as f:
            f.write(TOKEN + "\n")
        self.check = {"type": "heartbeat", "mode": "push", "interval": interval, "fall": fall, "rise": rise}
        self.check["token_file"] = self.token_file
        self.config = web(self.port, [b.entry() for b in self.behind], self.check, kwargs.pop("more", ""))
        self.proxy = self.weir(self.config, **kwargs)

    def beat(self, sequence, at=None, token=TOKEN, backend="b0", pool="web", weight=0, drain=False, forged=None):
        at = int(time.time() * 1000) if at is None else at
        text = f"{pool}\n{backend}\n{sequence}\n{at}\n{weight}\n{int(drain)}\n"
        body = {
            "pool": pool,
            "backend": backend,
            "sequence": sequence,
            "time": at,
            "weight": weight,
            "drain": drain,
            "signature": hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest(),
        }
        return self.post(json.dumps({**body, **(forged or {})}))

    def beat_body(self, sequence):
        post, self.post = self.post, lambda body: body
        try:
            return self.beat(sequence)
        finally:
            self.post = post

    def post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.admin_port, timeout=30)
        try:
            connection.request("POST", "/api/v1/beat", body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def agent(self, *arguments, backend="b0", scheme="http"):
        return self.start(
            WEIR,
            "beat",
            "--to",
            f"{scheme}://127.0.0.1:{self.proxy.admin_port}/",
            "--pool",
            "web",
            "--backend",
            backend,
            "--token-file",
            self.token_file,
            "--interval",
            "100ms",
            *arguments,
        )


class Beats(BeatScenario):
    def test_a_pushed_backend_is_unknown_then_up_while_it_beats_then_down(self):
        self.serve(count=2, interval="1s")
        self.assertEqual(self.proxy.states(), ["unknown", "unknown"])
        agent = self.agent()
        self.proxy.wait_up(1)
        with Client(self.port) as client:
            self.assertEqual({client.get("/")["fields"]["x-backend"] for _ in range(10)}, {"b0"})
        agent.send_signal(signal.SIGSTOP)  # a machine that hangs
        eventually(lambda: self.proxy.states() == ["down", "unknown"], "it is ejected")
        self.assertEqual(self.proxy.backends()["b0"]["last_failure"], "no heartbeat for 3s")
        agent.send_signal(signal.SIGCONT)
        self.proxy.wait_up(1)

    def test_a_weir_that_was_stopped_itself_puts_no_backend_out(self):
        self.serve(interval="1s")
        self.agent()
        self.proxy.wait_up(1)
        self.proxy.suspend(4)  # longer than the 3 s that a backend may be silent
        checks = self.proxy.backends()["b0"]["checks"]
        eventually(lambda: self.proxy.backends()["b0"]["checks"] > checks + 2, "it beats on")
        self.assertEqual([self.proxy.backends()["b0"][key] for key in ("state", "ejections")], ["up", 0])

    def test_beats_that_are_too_far_apart_keep_a_backend_down_with_a_reason(self):
        self.serve(interval="200ms", fall=2, rise=2)
        sequence = 0

        def beat_when_down():
            nonlocal sequence
            sequence += 1
            self.assertEqual(self.beat(sequence)[0], 200)

        beat_when_down()
        eventually(lambda: self.proxy.states() == ["down"], "no second beat within 400ms")
        self.assertEqual(self.proxy.backends()["b0"]["last_failure"], "no heartbeat for 400ms")
        for _ in range(2):
            time.sleep(0.6)  # the pace of this backend, slower than 400ms
            beat_when_down()
        self.assertEqual(self.proxy.states(), ["down"])
        self.assertRegex(
            self.proxy.backends()["b0"]["last_failure"],
            r"no heartbeat for 400ms; heartbeats are up to [0-9]+(ms|s) apart: "
            r"raise interval or fall, or send them more often",
        )
        self.proxy.wait_logged("stays down: no heartbeat for 400ms; heartbeats are up to")

    def test_beats_are_sent_only_while_the_check_succeeds(self):
        self.serve()
        flag, log = os.path.join(self.files.name, "well"), os.path.join(self.files.name, "asked")
        self.agent("--check", f"echo well >> {log}; test -e {flag}")
        self.agent("--check", f"echo held >> {log}; sleep 5", backend="b0")  # takes too long: sends no beat either

        def asked(who):
            with contextlib.suppress(FileNotFoundError), open(log) as f:
                return f.read().count(who) > 3

        eventually(lambda: asked("well") and asked("held"), "both are asked again and again")
        self.assertEqual(self.proxy.states(), ["unknown"])
        open(flag, "w").close()
        self.proxy.wait_up(1)
        os.unlink(flag)
        eventually(lambda: self.proxy.states() == ["down"], "it is ejected")

    def test_once_reports_its_result(self):
        self.serve()
        common = (
            "--to",
            f"127.0.0.1:{self.proxy.admin_port}",
            "--pool",
            "web",
            "--token-file",
            self.token_file,
            "--interval",
            "10s",
            "--once",
        )
        self.assertEqual(self.proxy.command("beat", *common, "--backend", "b0")[0], 0)
        code, _, err = self.proxy.command("beat", *common, "--backend", "b9")
        self.assertEqual(code, 1)
        self.assertIn("there is no backend web/b9", err)
        code, _, err = self.proxy.command("beat", "--to", f"127.0.0.1:{free_port()}", *common[2:], "--backend", "b0")
        self.assertEqual(code, 1)
        self.assertIn("cannot connect", err)

    def test_only_beats_signed_with_the_token_are_accepted(self):
        self.serve()
        self.assertEqual(self.beat(1, token="another token, long enough")[0], 403)
        self.assertEqual(self.beat(1, pool="wob")[0], 403)
        self.assertEqual(self.beat(1, weight=5)[0], 200)
        self.assertEqual(self.beat(2, forged={"signature": "0" * 64})[0], 403)
        for changed in ({"backend": "b1"}, {"sequence": 9}, {"time": 5}, {"weight": 7}, {"drain": True}):
            self.assertEqual(self.beat(2, forged=changed)[0], 403, changed)
        for nonsense in (
            "",
            "[]",
            "{}",
            "{" * 1000,
            json.dumps({"pool": 5}),
            '{"pool": "web", "backend": "b0", "sequence": -1, "time": 1, "signature": "x"}',
        ):
            self.assertEqual(self.post(nonsense)[0], 400, nonsense)
        self.assertEqual(self.beat(2, backend="b9")[0], 404)

    def test_replays_and_old_beats_are_refused_with_the_next_number(self):
        """The refusal says which number the sender has to continue with."""
        self.serve()
        now = int(time.time() * 1000)
        self.assertEqual(self.beat(10, at=now - 3_600_000)[0], 409)
        self.assertEqual(self.proxy.states(), ["unknown"])
        self.assertEqual(self.beat(10, at=now)[0], 200)
        self.assertEqual(self.beat(10, at=now)[0], 409)
        status, reply = self.beat(9, at=now)
        self.assertEqual((status, reply["last_sequence"]), (409, 10))
        self.assertLess(abs(reply["time"] - int(time.time() * 1000)), 10_000)
        self.assertEqual(self.beat(11, at=now + 600_000)[0], 409)
        self.assertEqual(self.beat(11, at=reply["time"])[0], 200)

    def test_a_beat_may_ask_for_a_weight_and_for_a_drain(self):
        self.serve(count=2, interval="1h", workers=1)
        self.assertEqual(self.beat(1, backend="b0", weight=3)[0], 200)
        self.assertEqual(self.beat(1, backend="b1")[0], 200)
        self.proxy.wait_up(2)
        eventually(lambda: self.proxy.backends()["b0"]["weight"] == 3, "it is heard")

        def shares(count):
            with Client(self.port) as client:
                names = [client.get("/")["fields"]["x-backend"] for _ in range(count)]
            return {name: names.count(name) for name in set(names)}

        self.assertEqual(shares(20), {"b0": 15, "b1": 5})
        self.assertEqual(self.beat(2, backend="b1", drain=True)[0], 200)
        eventually(lambda: self.proxy.states() == ["up", "drain"], "it is drained")
        self.assertEqual(shares(20), {"b0": 20})
        self.assertEqual(self.proxy.backends()["b1"]["agent_override"], {"state": "drain"})
        self.assertEqual(
            self.proxy.admin("POST", "/api/v1/backends/web/b1?state=ready")[0], 200
        )  # an operator's state takes precedence
        self.assertEqual(self.proxy.states(), ["up", "up"])
        self.assertEqual(self.beat(3, backend="b1")[0], 200)

    def test_backends_of_the_old_configuration_may_beat_in_the_canary_window(self):
        """A rollback may bring them back, so the process accepts their heartbeats until the window is over."""
        self.serve(interval="2s", fall=2)
        self.agent()
        self.proxy.wait_up(1)
        rules = "reload: {watch: false, rollback: {window: 20s}}\n"
        gone = (
            web(
                self.port,
                [f"127.0.0.1:{free_port()}"],
                "{type: tcp, interval: 200ms, timeout: 200ms, fall: 30, rise: 1}",
            )
            + rules
        )
        refused = self.proxy.backends()["b0"]["ejections"]
        report = self.proxy.reload(gone)  # it takes longer than two missing beats
        self.assertEqual(report["verdict"], "rolled_back")
        self.assertEqual(self.proxy.states(), ["up"])
        self.assertEqual(self.proxy.backends()["b0"]["ejections"], refused)

    def test_a_beat_for_a_backend_that_left_cannot_be_replayed_on_its_return(self):
        self.serve(count=2, interval="1h")
        now = int(time.time() * 1000)
        self.assertEqual(self.beat(5, at=now)[0], 200)
        without = web(self.port, [b.entry() for b in self.behind[1:]], self.check)
        self.assertEqual(self.proxy.reload(without)["verdict"], "applied")
        self.assertEqual(self.beat(6, at=now)[0], 404)
        self.assertEqual(self.proxy.reload(self.config)["verdict"], "applied")
        self.assertEqual(self.beat(5, at=now)[0], 409)
        self.assertEqual(self.beat(7)[0], 200)

    def test_a_beat_from_before_the_start_is_refused(self):
        before = int(time.time() * 1000) - 1000  # an attacker has recorded it
        self.serve(interval="1h")
        self.assertEqual(self.beat(5, at=before)[0], 409)
        self.assertEqual(self.beat(6)[0], 200)

    def test_a_connection_that_beats_may_ask_for_other_things_as_well(self):
        self.serve(interval="1h")
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.admin_port, timeout=30)
        self.addCleanup(connection.close)
        post, self.post = self.post, lambda body: body
        bodies = [self.beat(i) for i in range(1, 6)]
        self.post = post
        sockets = set()
        for body in bodies:  # the first is an ordinary request, the others come over a heartbeat connection
            connection.request("POST", "/api/v1/beat", body)
            response = connection.getresponse()
            self.assertEqual((response.status, json.loads(response.read())), (200, {}))
            sockets.add(connection.sock)
            connection.request("GET", "/api/v1/status")
            response = connection.getresponse()
            self.assertEqual(json.loads(response.read())["pools"][0]["backends"][0]["name"], "b0")
        for sequence, status in ((9, 200), (9, 409), (10, 200), (10, 409)):
            body = json.loads(self.beat_body(sequence))
            connection.request("POST", "/api/v1/beat", json.dumps(body))
            response = connection.getresponse()
            self.assertEqual((response.status, "last_sequence" in json.loads(response.read())), (status, status == 409))
        connection.request("POST", "/api/v1/beat", self.beat_body(11), headers={"Origin": "http://elsewhere"})
        self.assertEqual(connection.getresponse().status, 403)
        self.assertEqual(len(sockets), 1)  # the connection was kept all the time

    def test_an_agents_override_leaves_with_its_backend(self):
        self.serve(interval="1h")
        self.assertEqual(self.beat(1, drain=True)[0], 200)
        eventually(lambda: self.proxy.states() == ["drain"], "it is drained")
        self.assertEqual(self.proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "applied")
        self.assertEqual(self.proxy.states(), ["drain"])
        other = self.backend(name="b0")  # a new server under the old name
        config = web(self.port, [other.entry()], self.check)
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        self.assertEqual(self.proxy.states(), ["unknown"])
        self.assertEqual(self.beat(2)[0], 200)
        self.proxy.wait_up(1)

    def test_a_token_that_became_unreadable_is_reported_without_other_changes(self):
        self.serve()
        os.unlink(self.token_file)
        report = self.proxy.reload(self.config + "# a comment\n")
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("pools.web.health_check.token_file", report["errors"][0])

    def test_a_reload_forgets_no_beat(self):
        self.serve(interval="1h")
        self.assertEqual(self.beat(5)[0], 200)
        self.proxy.wait_up(1)
        self.assertEqual(self.proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "applied")
        self.assertEqual(self.proxy.states(), ["up"])
        self.assertEqual(self.beat(5)[0], 409)

    def test_a_token_that_cannot_be_read_refuses_the_whole_file(self):
        self.serve()
        check = {**self.check, "token_file": self.token_file + ".none"}
        report = self.proxy.reload(web(self.port, [b.entry() for b in self.behind], check))
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("pools.web.health_check.token_file", report["errors"][0])


if __name__ == "__main__":
    main()
