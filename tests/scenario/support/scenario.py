"""Shared by all scenarios: a weir process and its configuration. Standard library only.

Nothing here sleeps for a guessed time: `eventually` waits for a condition. Every process that is started is ended by
its own process ID.
"""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

# Tests import all of these from here.
from support.peers import TIMEOUT, Backend, Client, RawBackend, Reader, eventually, free_port  # noqa: F401

WEIR = os.environ.get("WEIR", "build/dev/weir")
SOURCE = os.environ.get("WEIR_SOURCE", ".")
REQUIRE_ALL = "WEIR_REQUIRE_ALL"  # set by .ci/run: a test that cannot run here fails
SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))


def read_file(path):
    with open(path) as f:
        return f.read()


class Weir:
    """The real binary, with its configuration in a temporary directory."""

    def __init__(
        self,
        config,
        workers=2,
        environment=None,
        state_dir=None,
        watch=False,
        admin_path=None,
        folder="",
        arguments=(),
        admin_port=None,
        admin_ca=None,
        path=None,
        wrapper=(),
    ):
        self.directory = tempfile.mkdtemp(prefix="weir-test-")
        self.path = path or os.path.join(self.directory, folder, "weir.yaml")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.admin_port, self.workers, self.watch = admin_port or free_port(), workers, watch
        self.admin_path = admin_path  # of a unix socket, if the configuration names one
        self.admin_ca = admin_ca  # the authorities to trust, if the configuration serves the API over TLS
        self.state_dir = state_dir or os.path.join(self.directory, "state")
        self.environment = dict(os.environ, **(environment or {}))
        self.write(config)
        self.errors = open(os.path.join(self.directory, "stderr"), "w+")
        self.access = open(os.path.join(self.directory, "stdout"), "w+")
        self.process = subprocess.Popen(
            [*wrapper, WEIR, "run", "-c", self.path, *arguments],
            stdout=self.access,
            stderr=self.errors,
            env=self.environment,
        )
        try:
            eventually(self.is_ready, "weir is ready")
        except BaseException:
            self.close()
            raise

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode}: {self.log()}")
        try:
            return self.admin("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def whole(self, config):
        text = config
        if "process:" not in text:
            text += f"process: {{workers: {self.workers}, state_dir: {self.state_dir}, drain_timeout: 10s}}\n"
        if "reload:" not in text and not self.watch:  # a test that triggers reloads wants no others
            text += "reload: {watch: false}\n"
        if "admin:" not in text:
            text += f'admin: {{address: "127.0.0.1:{self.admin_port}"}}\n'
        return text

    def write(self, config):
        """Renames a new file over the old one, as careful editors do."""
        aside = self.path + ".new"
        with open(aside, "w") as f:
            f.write(self.whole(config))
        os.rename(aside, self.path)

    def admin(self, method, target, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=TIMEOUT)
        if self.admin_ca:
            context = ssl.create_default_context(cafile=self.admin_ca)
            connection = http.client.HTTPSConnection("127.0.0.1", self.admin_port, timeout=TIMEOUT, context=context)
        try:
            if self.admin_path:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.connect(self.admin_path)
            connection.request(method, target, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get_json(self, target):
        return json.loads(self.admin("GET", target)[1])

    def status(self):
        return self.get_json("/api/v1/status")

    def metrics(self):
        values = {}
        for line in self.admin("GET", "/metrics")[1].splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def backends(self, pool="web"):
        return {b["name"]: b for p in self.status()["pools"] if p["name"] == pool for b in p["backends"]}

    def states(self, pool="web"):
        return [b["state"] for b in self.backends(pool).values()]

    def wait_up(self, count, pool="web"):
        eventually(lambda: self.states(pool).count("up") == count, f"{count} backends are up")

    def wait_replaced(self, old):
        """Waits until a process other than `old` answers the admin API."""

        def has_replaced():
            with contextlib.suppress(OSError):
                return self.status()["pid"] != old

        eventually(has_replaced, "a new process serves")

    def reload(self, config=None):
        """Reloads and waits for the verdict."""
        if config is not None:
            self.write(config)
        status, body = self.admin("POST", "/api/v1/reload?wait=1")
        report = json.loads(body)
        assert status == (409 if report["verdict"] in ("refused", "rolled_back", "rollback_failed") else 200), body
        return report

    def command(self, *args):
        done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=TIMEOUT, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def signal(self, number):
        self.process.send_signal(number)

    def suspend(self, seconds):
        """Stops the process for this time, as if the machine had been asleep."""
        self.signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.signal(signal.SIGCONT)

    def log(self):
        return read_file(self.errors.name)

    def configuration(self):
        return read_file(self.path)

    def wait_logged(self, pattern):
        """Waits until the log matches the pattern; another thread writes it."""
        eventually(lambda: re.search(pattern, self.log()), f"the log says {pattern}")

    def access_log(self):
        return read_file(self.access.name)

    def memory(self):
        """Returns the resident memory in kilobytes."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Ends the process gracefully, and returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def successors(self):
        """Returns the processes that have taken over from this one, or were about to: those with its command line."""
        found = []
        for pid in (entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != self.process.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                if self.path.encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        return found

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid in self.successors():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.errors.close()
        self.access.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Clock:
    """The time of day as one process sees it; its monotonic clock is not changed."""

    def __init__(self, test):
        self.file = tempfile.NamedTemporaryFile("w", delete=False)
        test.addCleanup(os.unlink, self.file.name)
        self.jump("+0")
        self.environment = {
            "LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
            "FAKETIME_TIMESTAMP_FILE": self.file.name,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, offset):
        """Sets the difference from the real time in seconds: "+3600"."""
        with open(self.file.name + ".new", "w") as f:
            f.write(offset + "\n")
        os.rename(self.file.name + ".new", self.file.name)


class Scenario(unittest.TestCase):
    """A scenario, which ends what it has started, and fails if weir reports an internal error."""

    def backend(self, *args, **kwargs):
        backend = Backend(*args, **kwargs)
        self.addCleanup(backend.close)
        return backend

    def raw_backend(self, serve, **kwargs):
        backend = RawBackend(serve, **kwargs)
        self.addCleanup(backend.close)
        return backend

    def weir(self, config, **kwargs):
        weir = Weir(config, **kwargs)
        self.addCleanup(self.end, weir)
        self.addCleanup(self.print_log_if_failed, weir)  # runs first, while the log still exists
        return weir

    def print_log_if_failed(self, weir):
        """Prints the end of weir's log, for a failure that is hard to repeat."""
        if has_failed(self):
            print(
                f"--- {weir.environment.get('NAME', weir.path)}",
                *weir.log().splitlines()[-60:],
                sep="\n",
                file=sys.stderr,
            )

    def end(self, weir):
        try:
            if weir.process.poll() is None:
                code = weir.stop()
                self.assertIn(code, (0, 3), weir.log())
            for word in ("Sanitizer", "runtime error:", "internal error", "Assertion"):
                self.assertNotIn(word, weir.log())
        finally:
            weir.close()

    def client(self, port, **kwargs):
        client = Client(port, **kwargs)
        self.addCleanup(client.close)
        return client

    def folder(self):
        """Makes a directory that is removed after the test; returns its path."""
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def start(self, *command, **kwargs):
        """Starts a process that is ended with the test."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)

        def end():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

        self.addCleanup(end)
        return process

    def on_terminal(self, *command):
        """Runs a weir command on a new terminal; returns its exit code and its output."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([WEIR, *command], stdout=theirs, stderr=theirs, stdin=theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the process has closed its end
            while piece := os.read(ours, 4096):
                shown += piece
        return process.wait(TIMEOUT), shown

    def demo_backend(self, name, port=None):
        """Starts a fast backend that can be killed; returns its process and its port."""
        port = port or free_port()
        process = self.start(WEIR, "demo-backend", "--name", name, "--listen", f"127.0.0.1:{port}")
        eventually(lambda: can_connect(port), f"{name} answers")
        return process, port


def has_failed(test):
    result = test._outcome.result  # unittest has no public way to ask during cleanup
    return any(getattr(case, "test_case", case) is test for case, _ in (*result.failures, *result.errors))


def can_connect(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def flow(value):
    """Returns the value as YAML in flow style; quotes only what could be misread."""
    if isinstance(value, dict):
        named = ((key if re.fullmatch(r"[\w.-]+", key) else json.dumps(key), item) for key, item in value.items())
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in named) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z][\w/-]*|/[\w./-]+|\d+(ms|[smh%]|[KMG]?B)", value):
        return json.dumps(value) if value in ("true", "false", "yes", "no", "on", "off", "null") else value
    return json.dumps(value)


def web(port, backends, check=None, more="", pool=None, listener=None, listeners=None):
    """Returns the usual configuration: one listener and one pool, both named web.

    `backends` has addresses, Backend objects, and entries as in the file (see Backend.entry). `check` is the
    health check. `pool` and `listener` are further keys of the pool and the listener; a key that is None is left out.
    `listeners` has further listeners by name: a port, or all keys. `more` is appended as it is.
    """
    own = {"address": f"127.0.0.1:{port}", "pool": "web", **(listener or {})}
    own = {key: value for key, value in own.items() if value is not None}
    others = {
        name: {"address": f"127.0.0.1:{keys}", "pool": "web"} if isinstance(keys, int) else keys
        for name, keys in (listeners or {}).items()
    }
    lines = ["listeners:"]
    lines += [f"  {name}: {flow(keys)}" for name, keys in {"web": own, **others}.items()]
    lines += ["pools:", "  web:"]
    lines += [f"    backends: {flow([getattr(b, 'address', b) for b in backends])}"]
    lines += [f"    health_check: {check if isinstance(check, str) else flow(check)}" if check else ""]
    lines += [f"    {key}: {flow(value)}" for key, value in (pool or {}).items()]
    return "\n".join([*lines, more, ""])


def commands(path=()):
    """Returns every command with the options and the subcommands that its help shows (`weir … --help`)."""
    text = subprocess.run([WEIR, *path, "--help"], capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    options = set(re.findall(r"(?:^  |,)(--?[a-zA-Z][\w-]*)", text, re.M))
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    names = re.findall(r"^  ([a-z][\w-]*)", below.group(1), re.M) if below else []
    yield path, options, names
    for name in names:
        yield from commands((*path, name))


class NothingSkipped(unittest.TextTestResult):
    """Counts a skipped test as a failure: in CI, everything that a test needs must be there."""

    def addSkip(self, test, reason):
        try:
            raise AssertionError(f"skipped, which {REQUIRE_ALL} does not allow: {reason}")
        except AssertionError:
            self.addFailure(test, sys.exc_info())


def main():
    result = NothingSkipped if os.environ.get(REQUIRE_ALL) else None
    unittest.main(testRunner=unittest.TextTestRunner(verbosity=2, resultclass=result))
