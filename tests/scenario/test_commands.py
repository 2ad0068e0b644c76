"""Commands as users see them: help, usage, time limits, tokens, and errors that are sentences."""
import os
import signal
import subprocess
import tempfile
import time

from support.scenario import WEIR, Scenario, commands, eventually, free_port, main, web

# The arguments that a command needs, one list for each call. A new command that needs arguments fails without a row.
ARGUMENTS = {
    ("drain",): [["web/a"]],
    ("maint",): [["web/a"]],
    ("ready",): [["web/a"]],
    ("clear",): [["web/a"]],
    ("weight",): [["web/a", "2"]],
    ("plan",): [["-c", "FILE"], ["-c", "FILE", "--json"]],
    ("reload",): [[], ["--wait"], ["--force"], ["--abort"]],
    ("fleet", "break-lock"): [["--yes"]],
    ("fleet", "unban"): [["12345678"]],
    ("fleet", "push"): [["FILE"], ["FILE", "--dry-run"]],
}


def command(*args, **kwargs):
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kwargs)
    return done.returncode, done.stdout, done.stderr


class Usage(Scenario):
    def test_every_command_has_help_and_refuses_a_wrong_option(self):
        for words, _, _ in commands():
            code, out, err = command(*words, "--help")
            self.assertEqual((code, err), (0, ""), words)
            self.assertIn("Usage", out)
            code, out, err = command(*words, "--nonsense")
            self.assertEqual((code, out), (2, ""), words)
            self.assertRegex(err, r"^weir: .+\n", words)
            self.assertEqual(command("help", *words)[0], 0, words)

    def test_the_version_and_bad_usage(self):
        self.assertEqual(command("--version"), command("version"))
        for args in (
            (),
            ("nonsense",),
            ("help", "nonsense"),
            ("fleet",),
            ("status", "--timeout", "5"),
            ("weight", "web/a", "0"),
            ("beat", "--to", "ftp://a:1", "--pool", "p", "--backend", "b", "--token-file", __file__),
        ):
            self.assertEqual(command(*args)[0], 2, args)


class Process(Scenario):
    def serve(self):
        self.proxy = self.weir(web(free_port(), [self.backend()]))
        self.at = f"127.0.0.1:{self.proxy.admin_port}"

    def test_no_command_that_talks_to_weir_waits_for_one_that_is_stopped(self):
        """These are all commands that have --admin in their help, so a new one is tested too."""
        self.serve()
        self.proxy.signal(signal.SIGSTOP)
        self.addCleanup(self.proxy.signal, signal.SIGCONT)
        asked = [words for words, options, _ in commands() if "--admin" in options]
        self.assertLessEqual({*ARGUMENTS, ("status",), ("fleet", "status"), ("fleet", "follow")}, set(asked))
        for words in asked:
            for more in ARGUMENTS.get(words, [[]]):
                line = [*words, *(self.proxy.path if word == "FILE" else word for word in more)]
                began = time.monotonic()
                code, out, err = command(*line, "--admin", self.at, "--timeout", "300ms")
                self.assertEqual((code, out), (1, ""), line)
                self.assertIn(
                    f"cannot reach weir at {self.at}: no response within 300ms; it may be stopped or overloaded",
                    err,
                    line,
                )
                self.assertLess(time.monotonic() - began, 60, line)  # without a time limit, it would wait forever

    def test_one_beat_is_not_waited_for_where_weir_is_stopped(self):
        self.serve()
        token = os.path.join(self.folder(), "token")
        with open(token, "w") as f:
            f.write("a token that is hard to guess\n")
        self.proxy.signal(signal.SIGSTOP)
        self.addCleanup(self.proxy.signal, signal.SIGCONT)
        line = ("beat", "--once", "--to", self.at, "--pool", "web", "--backend", "a", "--token-file", token)
        code, _, err = command(*line)
        self.assertEqual(code, 1)
        self.assertIn(self.at, err)

    def test_reload_wait_ends_with_the_reason_when_weir_stops_answering(self):
        """A verdict may take half an hour; until then the command checks every few seconds that weir answers."""
        check = "{type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 9, rise: 1}"
        config = web(free_port(), [self.backend()], check) + "reload: {watch: false, rollback: {window: 10m}}\n"
        self.proxy = self.weir(config)
        self.proxy.wait_up(1)
        self.proxy.write(config + "limits: {header_count: 50}\n")
        at = f"127.0.0.1:{self.proxy.admin_port}"
        waiting = subprocess.Popen(
            [WEIR, "reload", "--wait", "--admin", at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(waiting.kill)
        eventually(lambda: self.proxy.status()["reload"]["window"], "the window is open")
        self.proxy.signal(signal.SIGSTOP)
        self.addCleanup(self.proxy.signal, signal.SIGCONT)
        out, err = waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, out), (1, ""))
        self.assertRegex(
            err,
            rf"^weir: the weir at {at} has stopped answering while its verdict was awaited "
            r"\(/healthz got no response within 10s\): whether the change is in force is not known",
        )

    def test_the_admin_address_may_be_a_name(self):
        self.serve()
        for at in (f"localhost:{self.proxy.admin_port}", f"http://localhost:{self.proxy.admin_port}/", self.at):
            self.assertEqual(command("status", "--admin", at)[0], 0, at)
        code, _, err = command("status", "--admin", "no-such-name.invalid:1")
        self.assertEqual(code, 1)
        self.assertIn("no-such-name.invalid", err)

    def test_errors_are_sentences_and_no_json(self):
        self.serve()
        _, _, err = command("drain", "web/none", "--admin", self.at)
        self.assertEqual(err, "weir: there is no backend web/none\n")
        other = self.backend()
        _, _, err = command("status", "--admin", other.address)
        self.assertRegex(err, rf"^weir: {other.address} does not answer like weir")
        self.assertEqual(command("status", cwd="/")[0], 1)
        self.assertIn("/etc/weir/weir.yaml", command("status", cwd="/")[2])
        self.assertIn("/etc/weir/weir.yaml", command("run", cwd="/")[2])


class Tokens(Scenario):
    def test_an_unusable_token_file_is_reported_by_check_and_by_commands(self):
        """A token file may be missing, unreadable, empty or too short."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path, config = os.path.join(folder.name, "token"), os.path.join(folder.name, "weir.yaml")
        with open(config, "w") as f:
            f.write(
                web(free_port(), [self.backend()])
                + f'admin: {{address: "127.0.0.1:{free_port()}", token_file: {path}}}\n'
            )
        told = []
        for prepare in (
            lambda: None,
            lambda: os.mkdir(path),
            lambda: (os.rmdir(path), open(path, "w").close()),
            lambda: self.fill(path, "short\n"),
        ):
            prepare()
            code, _, err = command("check", "-c", config)
            self.assertEqual(code, 1)
            self.assertRegex(err, rf"^{config}:\d+:\d+: admin.token_file: ")
            told.append(err.splitlines()[0].split("token_file: ", 1)[1])
            for words in (["status", "-c", config], ["status", "--admin", "127.0.0.1:1", "--token-file", path]):
                self.assertIn(told[-1], command(*words)[2])
        for message, part in zip(told, ("there is no file", "cannot be read", "is empty", "has only 5 characters")):
            self.assertIn(part, message)
        self.fill(path, "0123456789abcdef\n")
        self.assertEqual(command("check", "-c", config)[0], 0)

    def fill(self, path, text):
        with open(path, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
