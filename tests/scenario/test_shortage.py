"""A machine that runs out of descriptors or disk: those who are there are served on."""
import http.client
import os
import resource
import signal
import subprocess
import threading
import time
import unittest

from weir_test import SANITIZED, WEIR, Scenario, can_connect, eventually, free_port, main, read_file, web

QUIET = "reload: {watch: false, rollback: {window: 20m}}\n"  # nothing is kept meanwhile, which takes a descriptor


class Shortage(Scenario):
    def metric(self, proxy, name):
        """Reads it over a connection that is kept: a new one would find no descriptor."""
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
        """As a limit, it leaves no descriptor to be had."""
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        return next(n for n in range(len(used) + 1) if n not in used)

    @unittest.skipIf(
        SANITIZED, "UndefinedBehaviorSanitizer needs a pipe to look at memory, and takes it for bad without"
    )
    def test_out_of_descriptors_those_who_are_there_are_served_and_the_others_wait(self):
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
        cpu = lambda: sum(
            int(x) for x in read_file(f"/proc/{pid}/stat").rsplit(") ", 1)[1].split()[11:13]
        ) / os.sysconf("SC_CLK_TCK")
        spent = cpu()
        while time.monotonic() < begin + 1.5:
            for client in first:
                self.assertEqual(client.get("/")["status"], 200)
            time.sleep(0.1)
        elapsed = time.monotonic() - begin
        self.assertLess(failures() - before, elapsed * 12 + 5)  # it takes a breath of 100 ms each time
        self.assertLess(cpu() - spent, elapsed / 2)
        self.assertEqual([r["target"] for r in backend.requests].count("/late"), 0)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        for client in late:
            self.assertEqual(client.reader.response()["status"], 200)

    @unittest.skipIf(
        SANITIZED, "UndefinedBehaviorSanitizer needs a pipe to look at memory, and takes it for bad without"
    )
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

    def test_a_small_limit_on_open_files_is_told_and_lived_with(self):
        port, backend, directory = free_port(), self.backend(), self.weir(web(free_port(), [self.backend()])).directory
        path, admin = os.path.join(directory, "small.yaml"), free_port()
        with open(path, "w") as f:
            f.write(
                web(port, [backend])
                + f'process: {{workers: 1, state_dir: {directory}/s}}\nadmin: {{address: "127.0.0.1:{admin}"}}\n'
            )
        log = open(os.path.join(directory, "log"), "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [WEIR, "run", "-c", path],
            stdout=subprocess.DEVNULL,
            stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(lambda: can_connect(port), "it listens")

        def is_told():
            with open(log.name) as f:
                return "the limit on open files allows 17 clients at a time, not 20000; raise it" in f.read()

        eventually(is_told, "the log says so")
        clients = [self.client(port) for _ in range(40)]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for client in clients:
            self.assertEqual(client.reader.response()["status"], 200)

    def test_a_full_disk_costs_log_lines_and_nothing_else(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]) + "logging: {access: {output: /dev/full}}\n")
        client = self.client(port)
        for _ in range(50):
            self.assertEqual(client.get("/")["status"], 200)
        eventually(lambda: proxy.metrics()["weir_access_log_dropped_total"] == 50, "each line is counted")

    def test_a_disk_that_hangs_stops_neither_traffic_nor_the_end(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        fence = os.path.join(proxy.state_dir, "fence")
        self.assertFalse(os.path.exists(fence))  # it comes with the first change
        os.mkfifo(fence)  # whoever opens it waits for ever
        proxy.write(web(port, [backend], more="limits: {header_count: 50}"))
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the change waits for the disk")
        for _ in range(50):
            self.assertEqual(client.get("/")["status"], 200)
        self.assertTrue(proxy.status()["reload"]["in_progress"])
        self.assertEqual(proxy.stop(), 0)
        self.assertIn("a disk does not answer", proxy.log())


if __name__ == "__main__":
    main()
