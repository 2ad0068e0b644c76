"""A machine that runs out of descriptors or disk still serves its open connections."""
import os
import resource
import signal
import subprocess

from support.scenario import WEIR, Scenario, can_connect, eventually, free_port, main, web

QUIET = "reload: {watch: false, rollback: {window: 20m}}\n"  # no state is written, which would take a descriptor


class Shortage(Scenario):
    def test_a_small_limit_on_open_files_is_reported_and_respected(self):
        port, backend, directory = free_port(), self.backend(), self.folder()
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

    def test_copies_of_requests_have_descriptors_of_their_own(self):
        port, backend, wrapper = free_port(), self.backend(), ["prlimit", "--nofile=1000"]
        for mirror, clients in (("", 467), (", mirror: {pool: web}", 342)):  # 250 of 1000 are kept for copies
            route = "routes: [{match: {path_prefix: /}, pool: web%s}]\n" % mirror
            proxy = self.weir(web(port, [backend], more=route), workers=1, wrapper=wrapper)
            proxy.wait_logged(f"allows {clients} clients at a time")
            proxy.stop()

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
        # The first change writes the fence to this file; opening a pipe that nobody reads blocks for ever.
        os.mkfifo(os.path.join(proxy.state_dir, f"fence.new-{proxy.process.pid}"))
        proxy.write(web(port, [backend], more="limits: {header_count: 50}"))
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the change waits for the disk")
        for _ in range(50):
            self.assertEqual(client.get("/")["status"], 200)
        self.assertTrue(proxy.status()["reload"]["in_progress"])
        self.assertEqual(proxy.stop(), 0)
        self.assertIn("gave up waiting for a pending disk write", proxy.log())


if __name__ == "__main__":
    main()
