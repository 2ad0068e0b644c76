"""Commands as people meet them: help, usage, time limits, tokens, and errors that are sentences."""
import os
import signal
import subprocess
import tempfile
import time
import unittest

from weir_test import SANITIZED, Scenario, WEIR, free_port, main, web

COMMANDS = [
    ["run"],
    ["check"],
    ["schema"],
    ["version"],
    ["plan"],
    ["reload"],
    ["status"],
    ["drain"],
    ["maint"],
    ["ready"],
    ["clear"],
    ["weight"],
    ["heartbeat"],
    ["beat"],
    ["demo"],
    ["demo-backend"],
    ["help"],
    ["fleet"],
    ["fleet", "status"],
    ["fleet", "break-lock"],
    ["fleet", "forgive"],
    ["fleet", "push"],
    ["fleet", "rollback"],
    ["fleet", "follow"],
    ["completion"],
]


def command(*args, **kwargs):
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kwargs)
    return done.returncode, done.stdout, done.stderr


class Usage(Scenario):
    @unittest.skipIf(SANITIZED, "it starts the program a hundred times")
    def test_every_command_has_help_and_refuses_a_wrong_option(self):
        for words in COMMANDS:
            code, out, err = command(*words, "--help")
            self.assertEqual((code, err), (0, ""), words)
            self.assertIn("Usage", out)
            code, out, err = command(*words, "--nonsense")
            self.assertEqual((code, out), (2, ""), words)
            self.assertRegex(err, r"^weir: .+\n", words)
            self.assertEqual(command("help", *words)[0], 0, words)

    def test_no_command_is_missing_from_that_list(self):
        listed = [
            line.split()[0]
            for line in command("--help")[1].split("Subcommands:")[1].splitlines()
            if line.strip() and line.startswith("  ") and line[2] != " "
        ]
        self.assertEqual(sorted(listed), sorted(words[0] for words in COMMANDS if len(words) == 1))

    def test_the_version_and_bad_usage(self):
        self.assertEqual(command("--version"), command("version"))
        for args in (
            (),
            ("nonsense",),
            ("help", "nonsense"),
            ("fleet",),
            ("status", "--timeout", "5"),
            ("weight", "web/a", "0"),
            ("beat", "--to", "https://a:1", "--pool", "p", "--backend", "b", "--token-file", WEIR),
        ):
            self.assertEqual(command(*args)[0], 2, args)


class Process(Scenario):
    def serve(self):
        self.proxy = self.weir(web(free_port(), [self.backend()]))
        self.at = f"127.0.0.1:{self.proxy.admin_port}"

    def test_commands_do_not_wait_for_a_process_that_is_stopped(self):
        self.serve()
        self.proxy.signal(signal.SIGSTOP)
        try:
            for words in (
                ["status"],
                ["drain", "web/a"],
                ["reload"],
                ["reload", "--wait"],
                ["plan", "-c", self.proxy.path],
            ):
                began = time.monotonic()
                code, _, err = command(*words, "--admin", self.at, "--timeout", "300ms")
                self.assertEqual(code, 1, words)
                self.assertIn(f"no weir answers at {self.at} within 300ms; it may be stopped or overloaded", err)
                self.assertLess(time.monotonic() - began, 60)  # it would wait for ever
        finally:
            self.proxy.signal(signal.SIGCONT)

    def test_the_admin_address_may_be_a_name(self):
        self.serve()
        for at in (f"localhost:{self.proxy.admin_port}", f"http://localhost:{self.proxy.admin_port}/", self.at):
            self.assertEqual(command("status", "--admin", at)[0], 0, at)
        code, _, err = command("status", "--admin", "no-such-name.invalid:1")
        self.assertEqual(code, 1)
        self.assertIn("the name no-such-name.invalid c", err)  # cannot be found, or could not be looked up in time

    def test_errors_are_sentences_and_no_json(self):
        self.serve()
        _, _, err = command("drain", "web/none", "--admin", self.at)
        self.assertEqual(err, "weir: there is no backend web/none\n")
        other = self.backend()
        _, _, err = command("status", "--admin", other.address)
        self.assertRegex(err, rf"^weir: {other.address} does not answer as a weir does")
        self.assertEqual(command("status", cwd="/")[0], 1)
        self.assertIn("/etc/weir/weir.yaml", command("status", cwd="/")[2])
        self.assertIn("/etc/weir/weir.yaml", command("run", cwd="/")[2])


class Tokens(Scenario):
    def test_a_token_file_that_is_missing_unreadable_empty_or_short_is_told_in_check_and_by_commands(self):
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
