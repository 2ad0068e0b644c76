"""`weir status` as text: the last reload, what is pending, the lock and the backends, once or with --watch."""
import json
import os
import re
import signal
import subprocess
import time

from support.redis_server import Redis, lock
from support.scenario import WEIR, Scenario, eventually, free_port, main, read_file, web

BROKEN = "limits: {nonsense: 1}\n"


class Text(Scenario):
    def serve(self, more="", check="", **kwargs):
        self.port, self.one, self.two = free_port(), self.backend(name="one"), self.backend(name="two")
        self.config = web(self.port, [self.one, self.two], check=check, more=more)
        self.proxy = self.weir(self.config, **kwargs)

    def text(self):
        code, out, err = self.proxy.command(
            "status", "-c", self.proxy.path, "--admin", f"127.0.0.1:{self.proxy.admin_port}"
        )
        self.assertEqual((code, err), (0, ""))
        return out

    def wait_text(self, pattern):
        return eventually(lambda: re.search(pattern, self.text()), f"the status says {pattern}")

    def test_the_last_verdict_and_what_waits_on_disk(self):
        self.serve()
        self.assertRegex(self.text(), r"\nlast reload: applied at \d{4}-\S+Z, trigger start, hash [0-9a-f]{12}, ")
        self.assertNotIn("pending", self.text())
        self.proxy.reload(self.config + BROKEN)
        text = self.text()
        self.assertRegex(
            text,
            r"\nlast reload: refused at \d{4}-\S+Z, trigger command, .*\n"
            r"  \S+weir.yaml:\d+:\d+: limits: unknown key \"nonsense\"",
        )
        self.assertRegex(
            text,
            r"\npending: the configuration on disk \(hash [0-9a-f]{12}\), not in force since \d{4}-\S+Z, "
            r"trigger command, 1 attempt\n  .+nonsense.*\n"
            r"  there is no next try until the file changes or weir reload is run\n",
        )
        self.proxy.reload(self.config + "limits: {header_count: 50}\n")
        self.assertIn("header_count 100 → 50", self.text())
        self.assertNotIn("pending", self.text())

    def test_the_window_and_the_denylist(self):
        self.serve(more="reload: {watch: false, rollback: {window: 10m}}\n")
        self.proxy.write(self.config + "limits: {header_count: 50}\n")
        self.proxy.signal(signal.SIGHUP)
        self.wait_text(
            r"\na reload is in progress\ncanary window: hash [0-9a-f]{12}, \d+m \d+s left, " r"until \d{4}-\S+Z"
        )
        self.assertRegex(self.text(), r"\nlock: local, held by this process, fence \d+\n")
        self.assertEqual(self.proxy.command("reload", "--abort", "-c", self.proxy.path)[0], 0)
        text = self.text()
        self.assertRegex(text, r"\nlast reload: rolled_back \(aborted\) at ")
        self.assertRegex(text, r"\ndenylist: .*\n  [0-9a-f]{12} since \d{4}-\S+Z: \S+")
        self.assertRegex(text, r"\nlock: local, free, fence \d+\n")

    def test_the_lock_of_a_fleet_its_holder_and_a_server_that_is_gone(self):
        redis = Redis(self)
        self.serve(more=lock(redis.port, wait="1s", more=', member: "${NAME}"'), environment={"NAME": "lb-1"})
        self.wait_text(
            r"\nlock: redis, fleet test, member lb-1, free, fence \d+, its servers answer \(last at \d{4}-\S+Z\)\n"
        )
        redis.call("SET", "weir:{test}:lock", "lb-2:77:0", "PX", "600000")
        self.wait_text(r"\nlock: redis, fleet test, member lb-1, held by lb-2:77, ")
        self.assertEqual(self.proxy.status()["lock"]["holder"], "lb-2:77")
        redis.kill()
        self.wait_text(r"its servers do not answer \(last at .*\)\n  redis://127.0.0.1:\d+/0: ")

    def test_backends_their_weights_checks_errors_and_retries(self):
        self.serve(check="{type: tcp, interval: 1s, fall: 2, rise: 1}", more="retries: {attempts: 2}\n", workers=1)
        self.proxy.wait_up(2)
        self.assertEqual(self.proxy.command("weight", f"web/{self.one.address}", "7", "-c", self.proxy.path)[0], 0)
        self.assertRegex(
            self.text(),
            rf"{self.one.address} +up +0 .* 7 \(file 1\)  \d{{4}}-\S+Z  connected, \d+ ms, at \d{{4}}-\S+Z\n"
            rf"    changed at run time; the file has ready, weight 1",
        )
        self.two.close()
        client = self.client(self.port)
        for _ in range(10):
            self.assertEqual(client.get("/")["status"], 200)
        backends = self.proxy.backends()
        self.assertEqual(backends[self.one.address]["retries"], backends[self.two.address]["failures"])
        self.assertGreater(backends[self.one.address]["retries"], 0)
        self.assertEqual(self.proxy.status()["retries"]["made"], backends[self.one.address]["retries"])
        self.assertEqual(
            self.proxy.metrics()[f'weir_backend_retries_total{{pool="web",backend="{self.one.address}"}}'],
            backends[self.one.address]["retries"],
        )
        self.assertRegex(
            self.text(), rf"\nretries: {backends[self.one.address]['retries']}, and 0 refused by the retry budget\n"
        )
        self.assertRegex(self.text(), r"    error at \d{4}-\S+Z: connect_refused \(")
        self.wait_text(
            rf"{self.two.address} +down .*\n    \d+ of \d+ checks failed, the last \d+ in a row; down 1 time; "
            rf"last failure: .*refused"
        )


class Watch(Scenario):
    """The output of --watch, collected in a file."""

    def serve(self):
        self.proxy = self.weir(web(free_port(), [self.backend()]))
        self.at = f"127.0.0.1:{self.proxy.admin_port}"

    def watch(self, *args):
        path = os.path.join(self.folder(), "out")
        with open(path, "w") as out:
            process = subprocess.Popen(
                [WEIR, "status", "--admin", self.at, *args], stdout=out, stderr=subprocess.STDOUT
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, lambda: read_file(path)

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0)

    def test_without_a_terminal_watch_prints_blocks_until_an_interrupt(self):
        """The exit code is 0."""
        self.serve()
        process, shown = self.watch("--watch=0.1")
        eventually(lambda: shown().count("\npool web, round_robin\n") >= 3, "three blocks")
        self.interrupt(process)
        self.assertNotIn("\033", shown())
        self.assertRegex(shown(), r"^\d{4}-\S+Z, every 100ms\nweir \S+, pid \d+")
        self.assertRegex(shown(), r"\n\n\d{4}-\S+Z, every 100ms\nweir ")

    def test_json_is_one_document_in_each_line(self):
        self.serve()
        process, shown = self.watch("--json", "--watch=100ms")
        eventually(lambda: shown().count("\n") >= 3, "three lines")
        self.interrupt(process)
        for line in shown().splitlines()[:3]:
            self.assertEqual(json.loads(line)["pid"], self.proxy.process.pid)

    def test_it_survives_a_weir_that_is_away_and_says_so(self):
        self.serve()
        process, shown = self.watch("--watch=0.1")
        eventually(lambda: "pool web" in shown(), "it shows the status")
        self.proxy.stop()
        eventually(
            lambda: re.search(
                rf"\nweir: cannot reach weir at {self.at}: .*; trying again; last response at \d{{4}}-\S+Z\n", shown()
            ),
            "it says that weir is away",
        )
        again = subprocess.Popen(
            [WEIR, "run", "-c", self.proxy.path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.proxy.environment,
        )
        self.addCleanup(again.wait)
        self.addCleanup(again.terminate)
        eventually(lambda: f"pid {again.pid}," in shown(), "it shows the new process")
        self.interrupt(process)

    def test_it_may_begin_before_weir_does(self):
        self.at = f"127.0.0.1:{free_port()}"
        process, shown = self.watch("--watch=0.1")
        eventually(lambda: shown().count("; trying again\n") >= 2, "it asks again")
        self.interrupt(process)

    def test_a_terminal_is_drawn_anew_every_second(self):
        self.serve()
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(
            [WEIR, "status", "--admin", self.at, "--watch"], stdout=theirs, stderr=theirs, stdin=theirs
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(theirs)
        began, shown = time.monotonic(), b""
        while shown.count(b"\033[H\033[2J") < 2:
            shown += os.read(ours, 4096)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertIn(b", every 1s\r\nweir ", shown)
        self.interrupt(process)

    def test_an_interval_that_makes_no_sense_is_wrong_usage(self):
        for text in ("0", "-1", "soon", "0.01", "100000000000000000000"):
            done = subprocess.run([WEIR, "status", f"--watch={text}"], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("--watch: ", done.stderr)


if __name__ == "__main__":
    main()
