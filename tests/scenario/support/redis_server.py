"""Real Redis servers on private ports. Standard library only."""
import contextlib
import os
import re
import signal
import subprocess
import tempfile

from support.scenario import can_connect, eventually, flow, free_port, web


class Redis:
    def __init__(self, test, port=None, arguments=(), tls=None):
        self.port, self.test, self.arguments, self.tls = port or free_port(), test, arguments, tls
        self.directory = tempfile.TemporaryDirectory()  # a server with a replica writes its data there
        test.addCleanup(self.directory.cleanup)
        self.start()

    def start(self):
        """Starts the server without data, also after it was killed."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.directory.name, "dump.rdb"))
        own = ("--port", "0", "--tls-port", str(self.port), *self.tls) if self.tls else ("--port", str(self.port))
        self.process = self.test.start(
            "redis-server",
            *own,
            "--bind",
            "127.0.0.1",
            "--dir",
            self.directory.name,
            "--save",
            "",
            "--appendonly",
            "no",
            *self.arguments,
        )
        eventually(lambda: can_connect(self.port), "redis answers")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def monitor(self, test):
        """Records every command from now on in a file; returns its name."""
        output = tempfile.NamedTemporaryFile("w+")
        test.addCleanup(output.close)
        monitor = subprocess.Popen(["redis-cli", "-p", str(self.port), "monitor"], stdout=output)
        test.addCleanup(monitor.wait)
        test.addCleanup(monitor.kill)
        eventually(lambda: os.path.getsize(output.name) > 0, "the monitor is on")
        return output.name

    def watch(self, test):
        """Records every command from now on; returns a function that lists acquisitions and releases of the lock so
        far."""
        path = self.monitor(test)

        def events():
            with open(path, encoding="latin-1") as f:
                return re.findall(r'lua\] "(INCR|DEL)" "weir:{test}:(?:fence|lock)"', f.read())

        return events

    def call(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    @property
    def url(self):
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}"


def server_entry(server):
    if isinstance(server, dict):
        return server
    return {"url": server if isinstance(server, str) else f"redis://127.0.0.1:{server}/0"}


def lock(servers, more="", watch="false", kind="redis", ttl="6s", wait="20s", rollback=""):
    """Returns the reload section for a fleet called `test`. A server is a port, a URL, or an entry as in the file."""
    entries = flow([server_entry(s) for s in (servers if isinstance(servers, list) else [servers])])
    return (
        f"reload: {{watch: {watch}, {rollback}lock: {{type: {kind}, fleet: test, ttl: {ttl}, wait: {wait}, "
        f"servers: {entries}{more}}}}}\n"
    )


def took_turns(test, redis, events, least):
    """Checks that each holder released the lock before the next one took it, and that there were at least `least`
    holders. An attempt whose answer was late may count as well, although its process gave up on it."""
    eventually(
        lambda: len(events()) >= 2 * least
        and len(events()) % 2 == 0
        and redis.call("EXISTS", "weir:{test}:lock") == "0",
        "the last one has given its lock back",
    )
    seen = events()
    test.assertEqual(seen, ["INCR", "DEL"] * (len(seen) // 2))


def waits_for_lock(test):
    """Returns a weir whose reload waits for a lock that another process holds, its Redis and its backend."""
    redis, backend = Redis(test), test.backend()
    config = web(free_port(), [backend]) + lock(redis.port, wait="10m")
    proxy = test.weir(config)
    redis.call("SET", "weir:{test}:lock", "other:1:0", "PX", "600000")
    proxy.write(config + "limits: {header_count: 50}\n")
    proxy.signal(signal.SIGHUP)
    eventually(lambda: proxy.status()["reload"]["in_progress"], "it waits")
    return proxy, redis, backend
