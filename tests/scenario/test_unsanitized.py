"""Tests that cannot run under a sanitizer, which must be loaded before any other library and needs descriptors of its
own. CMake registers this file only for builds without one."""
import calendar
import concurrent.futures
import http.client
import os
import resource
import signal
import subprocess
import threading
import time

from support.redis_server import Redis
from test_beats import BeatScenario
from test_lock_faults import MachineScenario
from test_rollback import LastGoodScenario, last_good
from support.scenario import WEIR, Clock, Scenario, can_connect, eventually, free_port, main, read_file, web

QUIET = "reload: {watch: false, rollback: {window: 20m}}\n"  # no state is written, which would take a descriptor


class Descriptors(Scenario):
    def metric(self, proxy, name):
        """Reads a metric over a kept connection: a new one would get no descriptor."""
        admin = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=20)
        self.addCleanup(admin.close)

        def read():
            admin.request("GET", "/metrics")
            text = admin.getresponse().read().decode()
            return next(float(line.split(" ")[1]) for line in text.splitlines() if line.startswith(name + " "))

        read()
        return read

    @staticmethod
    def lowest_free(pid):
        """Returns the lowest free descriptor; with this limit, no descriptor is free."""
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        return next(n for n in range(len(used) + 1) if n not in used)

    def test_without_free_descriptors_open_clients_are_served_and_others_wait(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]) + QUIET, workers=1)
        failures = self.metric(proxy, "weir_accept_failures_total")
        first = [self.client(port) for _ in range(4)]
        for client in first:
            self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(failures(), 0)
        pid = proxy.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.lowest_free(pid), hard))
        late = [self.client(port) for _ in range(5)]
        for client in late:
            client.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: failures() > 0, "accepting fails")
        begin, before = time.monotonic(), failures()

        def cpu():
            user, system = read_file(f"/proc/{pid}/stat").rsplit(") ", 1)[1].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

        spent = cpu()
        while time.monotonic() < begin + 1.5:
            for client in first:
                self.assertEqual(client.get("/")["status"], 200)
            time.sleep(0.1)
        elapsed = time.monotonic() - begin
        self.assertLess(failures() - before, elapsed * 12 + 5)  # it pauses for 100 ms each time
        self.assertLess(cpu() - spent, elapsed / 2)
        self.assertEqual([r["target"] for r in backend.requests].count("/late"), 0)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        for client in late:
            self.assertEqual(client.reader.response()["status"], 200)

    def test_out_of_descriptors_a_request_waits_for_one_instead_of_failing(self):
        port, gate = free_port(), threading.Event()
        self.addCleanup(gate.set)
        backend = self.backend(
            lambda connection, request: (
                request["target"] == "/slow" and gate.wait(20),
                backend.echo(connection, request),
            )
        )
        proxy = self.weir(web(port, [backend], more="timeouts: {connect: 20s}") + QUIET, workers=1)
        slow, quick = self.client(port), self.client(port)
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the only connection to the backend is in use")
        eventually(lambda: proxy.metrics()['weir_connections_active{listener="web"}'] == 2, "both are connected")
        shortages, pid = self.metric(proxy, "weir_connect_shortages_total"), proxy.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.lowest_free(pid), hard))
        self.addCleanup(resource.prlimit, pid, resource.RLIMIT_NOFILE, (soft, hard))
        quick.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: shortages() > 2, "it has tried more than once")
        gate.set()
        self.assertEqual(slow.reader.response()["status"], 200)
        self.assertEqual(quick.reader.response()["status"], 200)


class ClocksOfBeats(BeatScenario):
    def test_clocks_that_jump_an_hour_either_way_eject_no_backend(self):
        clock = Clock(self)
        self.serve(count=2, interval="2s", environment=clock.environment)
        self.agent(backend="b0")
        self.agent(backend="b1")
        self.proxy.wait_up(2)
        for jump in ("+3600", "-3600", "+0"):
            clock.jump(jump)
            begin = self.proxy.backends()["b0"]["checks"]
            eventually(lambda: self.proxy.backends()["b0"]["checks"] > begin + 10, "beats are taken")
            self.assertEqual(self.proxy.states(), ["up", "up"], jump)
        self.assertEqual(self.proxy.backends()["b0"]["ejections"], 0)
        clock.jump("+3600")  # an agent that starts now has another clock: the refusal gives it weir's time
        late = self.agent(backend="b1")
        eventually(lambda: late.poll() is None and self.proxy.states() == ["up", "up"], "it goes on")


class ClocksOfLeases(MachineScenario):
    def test_a_clock_that_jumps_neither_lengthens_nor_shortens_a_lease(self):
        redis, port, backend = Redis(self), free_port(), self.backend()
        clock = Clock(self)
        rollback = "rollback: {window: 12s}, "
        weir = self.machine("lb-0", port, redis.port, backend, rollback=rollback, environment=clock.environment)
        for n, jump in enumerate(("+3600", "-3600")):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                report = pool.submit(weir.reload, self.text(backend, 60 + n, rollback))
                eventually(lambda: "watched_for_ms" in weir.status()["reload"], "it is watched")
                clock.jump(jump)
                held = eventually(lambda: redis.call("GET", "weir:{test}:lock"), "it is held")
                self.assertTrue(held.startswith("lb-0:"))
                self.assertEqual(report.result()["verdict"], "applied", report.result())  # renewed for three leases
            self.check_records(weir, redis)
        at = calendar.timegm(time.strptime(report.result()["at"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertGreater(at - time.time(), 3000)  # it began by a clock that was an hour ahead


class PowerCuts(LastGoodScenario):
    def test_a_power_cut_at_any_step_leaves_a_readable_last_good_file(self):
        proxy = self.weir(self.good)
        eventually(lambda: self.kept(proxy), "it is kept")
        proxy.stop()
        library = os.path.join(os.environ["WEIR_BUILD"], "tests", "libkill_at.so")
        seen, cuts = set(), 0
        for at in range(1, 100):
            proxy.write(self.good + f"limits: {{header_count: {50 + at}}}\n")
            environment = dict(os.environ, LD_PRELOAD=library, WEIR_KILL_PATH="state/last-good", WEIR_KILL_AT=str(at))
            process = subprocess.Popen(
                [WEIR, "run", "-c", proxy.path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
            )
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            config = f"header_count: {50 + at}}}"
            path = last_good(proxy)

            def is_whole():
                with open(path) as f:
                    return config in f.read()

            eventually(
                lambda: process.poll() is not None or (is_whole() and can_connect(self.port)),
                "it is cut off, or it keeps the new one",
            )
            survived = process.poll() is None
            if survived:
                process.terminate()
            self.assertIn(process.wait(30), (0, -signal.SIGKILL))
            cuts += not survived
            # Whatever was cut off, there is a good configuration to start from: the old or the new one.
            proxy.write("nonsense")
            again = subprocess.Popen(
                [WEIR, "run", "-c", proxy.path, "--last-good", "--state-dir", proxy.state_dir],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(again.wait)
            self.addCleanup(again.kill)
            eventually(lambda: can_connect(self.port) or again.poll() is not None, "it starts")
            self.assertIsNone(again.poll())
            self.assertEqual(self.serves(), "one")
            seen.add(is_whole())
            again.terminate()
            again.wait(30)
            if survived:
                break
        self.assertGreater(cuts, 8)
        self.assertEqual(seen, {True, False})  # some cuts came before the rename, some after


if __name__ == "__main__":
    main()
