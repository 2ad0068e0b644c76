"""Several weirs with one configuration and one Redis, for scenarios about fleets. Standard library only."""
import contextlib
import json
import subprocess
import tempfile

from support.redis_server import lock
from support.scenario import WEIR, Scenario, eventually, free_port, web

CHECK = {"type": "http", "path": "/healthz", "interval": "200ms", "timeout": "200ms", "rise": 1}


class FleetScenario(Scenario):
    wait = "20s"
    listener = None  # further keys of the listener

    def members(self, count, redis, window="2s", **kwargs):
        self.good = self.backend(name="good")
        self.redis, self.window, self.more, self.source = (
            redis,
            window,
            kwargs.pop("more", ""),
            kwargs.pop("source", "file"),
        )
        self.ports = [free_port() for _ in range(count)]
        self.fleet = []
        for i in range(count):
            self.fleet.append(self.weir(self.config(i, [self.good]), **kwargs))
        eventually(lambda: len(self.view()["members"]) == count, "all are there")
        return self.fleet

    def config(self, i, backends, more="", window=None, fall=9):
        """Returns the configuration, the same text for every machine: the port comes from the environment."""
        lines = web(self.port_text(i), backends, {**CHECK, "fall": fall}, more, listener=self.listener)
        return lines + lock(
            self.lock_server(),
            ', member: "${NAME}"' + self.more,
            watch=f"true, source: {self.source}",
            rollback=f"rollback: {{window: {window or self.window}}}, ",
            wait=self.wait,
        )

    def port_text(self, _):
        return "${PORT}"

    def lock_server(self):
        """Returns the server of the lock, in a form that `lock` accepts."""
        return self.redis.port

    def weir(self, config, **kwargs):
        i = kwargs.pop("index", len(self.fleet))
        environment = {"PORT": str(self.ports[i]) if i < len(self.ports) else str(free_port()), "NAME": f"lb-{i}"}
        # All machines have the same text: what differs comes from the environment.
        state_dir = kwargs.pop("state_dir", None)
        if state_dir is None:
            state = tempfile.TemporaryDirectory()
            self.addCleanup(state.cleanup)
            state_dir = state.name
        environment.update(STATE=state_dir, ADMIN=str(free_port()))
        return super().weir(
            self.whole(config),
            environment=environment,
            admin_port=int(environment["ADMIN"]),
            state_dir=state_dir,
            watch=True,
            **kwargs,
        )

    @contextlib.contextmanager
    def long_window(self, window="20s"):
        """Sets a canary window that is long enough for a rollback on a busy machine."""
        usual, self.window = self.window, window
        yield
        self.window = usual

    def write(self, backends, more=""):
        for i, weir in enumerate(self.fleet):
            weir.write(self.whole(self.config(i, backends, more)))

    def whole(self, config):
        return (
            config + 'process: {workers: 1, state_dir: "${STATE}", drain_timeout: 5s}\n'
            'admin: {address: "127.0.0.1:${ADMIN}"}\n'
        )

    def again(self, i, config, **kwargs):
        """Starts a stopped machine again, with its state on disk."""
        old = self.fleet[i]
        self.fleet[i] = self.weir(config, index=i, state_dir=old.state_dir, path=old.path, **kwargs)
        return self.fleet[i]

    def view(self, member=0):
        """Returns the fleet as this member sees it; asks again while a server does not answer."""

        def ask():
            status, body = self.fleet[member].admin("GET", "/api/v1/fleet")
            return status == 200 and json.loads(body)

        return eventually(ask, "the fleet answers")

    def counts(self, verdict):
        return [weir.metrics().get(f'weir_reloads_total{{verdict="{verdict}"}}', 0) for weir in self.fleet]

    def machines_with(self, verdict):
        """Counts the machines with this verdict. If a server was silent, a machine may have had it more than once."""
        return sum(count > 0 for count in self.counts(verdict))

    def hashes(self):
        return {weir.status()["config"]["hash"] for weir in self.fleet}

    def counts_of(self, weir, verdict):
        return weir.metrics().get(f'weir_reloads_total{{verdict="{verdict}"}}', 0)

    def run_fleet(self, *words, member=0):
        """Runs `weir fleet …` on one of the machines."""
        at = f"127.0.0.1:{self.fleet[member].admin_port}"
        return subprocess.run(
            [WEIR, "fleet", *words, "--admin", at], capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL
        )
