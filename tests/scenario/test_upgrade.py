"""USR2: a new binary takes over the listening sockets without an interruption."""
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
import time

from support import scenario
from support.peers import is_running
from support.redis_server import waits_for_lock
from support.scenario import Client, Scenario, eventually, free_port, main, read_file, web


class Load:
    """Clients that send all the time: some keep their connections, some open a new one for each request."""

    def __init__(self, port, keeping=4, connecting=4):
        self.port, self.answered, self.failures, self.over = port, 0, [], False
        self.threads = [threading.Thread(target=self.keep) for _ in range(keeping)] + [
            threading.Thread(target=self.connect) for _ in range(connecting)
        ]
        for thread in self.threads:
            thread.start()

    def ask(self, client, since):
        """A stopping weir closes connections that were silent for a second; `since` is the last answer's time."""
        held_up = time.monotonic() - since > 0.9
        try:
            answer = client.get("/")
        except OSError:
            if held_up:
                return False
            raise
        if answer is None and held_up:
            return False
        if answer is None or answer["status"] != 200:
            raise AssertionError(f"answered {answer}")
        self.answered += 1
        return answer["fields"].get("connection") != "close"

    def run(self, each):
        while not self.over:
            try:
                each()
            except (OSError, AssertionError) as problem:
                self.failures.append(repr(problem))

    def keep(self):
        def each():
            since = time.monotonic()
            with Client(self.port) as client:
                while not self.over and self.ask(client, since):
                    since = time.monotonic()

        self.run(each)

    def connect(self):
        def each():
            since = time.monotonic()
            with Client(self.port) as client:
                self.ask(client, since)

        self.run(each)

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()


class Upgrade(Scenario):
    def test_agents_overrides_survive_an_upgrade_and_no_beat_is_lost(self):
        port, backend = free_port(), self.backend(name="b0")
        files = tempfile.TemporaryDirectory()
        self.addCleanup(files.cleanup)
        token = os.path.join(files.name, "token")
        with open(token, "w") as f:
            f.write("a token that is hard to guess\n")
        # A single missed beat takes the backend down.
        check = f"{{type: heartbeat, mode: push, interval: 4s, fall: 1, rise: 1, token_file: {token}}}"
        proxy = self.weir(web(port, [backend.entry()], check))
        self.start(
            scenario.WEIR,
            "beat",
            "--to",
            f"127.0.0.1:{proxy.admin_port}",
            "--pool",
            "web",
            "--backend",
            "b0",
            "--token-file",
            token,
            "--interval",
            "200ms",
            "--weight",
            "7",
        )
        eventually(lambda: proxy.backends()["b0"]["weight"] == 7, "it is heard")
        old = proxy.process.pid
        proxy.signal(signal.SIGUSR2)
        self.upgraded(proxy, old)
        now = proxy.backends()["b0"]
        self.assertEqual((now["weight"], now["agent_override"]), (7, {"weight": 7}))
        eventually(lambda: proxy.backends()["b0"]["checks"] > 5, "beats come to the new process")
        now = proxy.backends()["b0"]
        self.assertEqual((now["state"], now["ejections"], now["weight"]), ("up", 0, 7))

    def upgraded(self, proxy, old):
        """Waits for the new process; it is ended with the test."""

        def other():
            with contextlib.suppress(OSError):
                pid = proxy.status()["pid"]
                return pid != old and pid

        pid = eventually(other, "a new process serves")

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            eventually(lambda: not is_running(pid), "the new process ends")

        self.addCleanup(end)
        return pid

    def running_from_a_copy_that_is_gone(self):
        """Returns a port, its weir, the path of the deleted binary that weir runs from, and the usual path."""
        port, backend = free_port(), self.backend()
        directory = self.folder()
        copy, usual = os.path.join(directory, "weir"), scenario.WEIR
        shutil.copy(usual, copy)
        self.addCleanup(setattr, scenario, "WEIR", usual)
        scenario.WEIR = copy
        proxy = self.weir(web(port, [backend]))
        os.remove(copy)
        return port, proxy, copy, usual

    def test_no_request_is_refused_or_fails_while_a_new_process_takes_over(self):
        port, backend, dead = free_port(), self.backend(), free_port()
        proxy = self.weir(
            web(port, [backend, f"127.0.0.1:{dead}"], check="{type: tcp, interval: 1s, timeout: 1s, fall: 1, rise: 1}")
        )
        eventually(lambda: sorted(proxy.states()) == ["down", "up"], "health is known")
        since = {name: b["since"] for name, b in proxy.backends().items()}
        load = Load(port)
        self.addCleanup(load.stop)
        eventually(lambda: load.answered > 200, "the load runs")
        pid = proxy.process.pid
        for _ in range(3):
            before = load.answered
            os.kill(pid, signal.SIGUSR2)
            pid, old = self.upgraded(proxy, pid), pid
            self.assertEqual(sorted(proxy.states()), ["down", "up"])  # its verdicts were inherited
            self.assertEqual({name: b["since"] for name, b in proxy.backends().items()}, since)
            eventually(lambda: not is_running(old), "the old process is gone")
            eventually(lambda: load.answered > before + 200, "the new process answers")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(proxy.process.wait(20), 0)
        backends = proxy.backends()
        self.assertEqual(backends[f"127.0.0.1:{dead}"]["requests"], 0)

    def test_what_is_in_flight_is_finished_by_the_old_process(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def slow(connection, request):
            if request["target"] == "/slow":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
                gate.wait(20)
                return connection.sendall(b"lf")
            if request["target"] == "/ws":
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                )
                while data := connection.recv(1000):
                    connection.sendall(data.upper())
            else:
                backend.echo(connection, request)

        port, backend = free_port(), self.backend(slow)
        proxy = self.weir(web(port, [backend]))
        busy, idle, talking = self.client(port), self.client(port), self.client(port)
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(idle.get("/")["status"], 200)
        self.assertEqual(talking.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        proxy.signal(signal.SIGUSR2)
        self.upgraded(proxy, proxy.process.pid)
        self.assertEqual(idle.rest(), b"")
        self.assertEqual(self.client(port).get("/")["status"], 200)  # from the new process
        talking.send("still here")
        self.assertEqual(talking.reader.exactly(10), b"STILL HERE")
        gate.set()
        self.assertEqual(busy.reader.response()["body"], b"half")
        self.assertIsNone(proxy.process.poll())
        talking.close()
        self.assertEqual(proxy.process.wait(20), 0)

    def test_a_new_process_that_cannot_start_changes_nothing(self):
        port, proxy, copy, usual = self.running_from_a_copy_that_is_gone()
        client = self.client(port)
        self.assertEqual(client.get("/")["status"], 200)
        for ending in ("exit 1", "kill -9 $$"):
            with open(copy, "w") as f:  # a new binary that does not serve
                f.write(f"#!/bin/sh\n{ending}\n")
            os.chmod(copy, 0o755)
            proxy.signal(signal.SIGUSR2)
            how = "exit status 1" if ending == "exit 1" else "killed by signal 9"
            eventually(
                lambda: f"has not taken over: it exited before it was ready ({how}); this one continues" in proxy.log(),
                "it is logged",
            )
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.status()["pid"], proxy.process.pid)
        with open(proxy.path, "a") as f:
            f.write("limits: {header_count: 50}\n")
        self.assertEqual(proxy.reload()["verdict"], "applied")

    def test_the_current_binary_is_started_and_a_missing_one_changes_nothing(self):
        port, proxy, copy, usual = self.running_from_a_copy_that_is_gone()
        proxy.signal(signal.SIGUSR2)
        eventually(
            lambda: "it could not be started: No such file or directory; this one continues" in proxy.log(),
            "it is logged",
        )
        self.assertEqual(self.client(port).get("/")["status"], 200)
        shutil.copy(usual, copy + ".new")
        os.rename(copy + ".new", copy)
        proxy.signal(signal.SIGUSR2)
        pid = self.upgraded(proxy, proxy.process.pid)
        self.assertEqual(os.readlink(f"/proc/{pid}/exe"), copy)
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_a_stop_during_an_upgrade_ends_the_new_process_as_well(self):
        port, proxy, copy, usual = self.running_from_a_copy_that_is_gone()
        with open(copy, "w") as f:  # a new binary that never becomes ready
            f.write(f"#!/bin/sh\necho $$ > {copy}.pid\nexec sleep 300\n")
        os.chmod(copy, 0o755)
        proxy.signal(signal.SIGUSR2)
        pid = int(eventually(lambda: os.path.exists(copy + ".pid") and read_file(copy + ".pid"), "it is started"))
        client = self.client(port)
        self.assertEqual(client.get("/")["status"], 200)
        client.close()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 0)
        eventually(lambda: not is_running(pid), "the new one is gone")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)

    def test_a_signal_to_both_processes_during_the_drain_cuts_no_client(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def slow(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            gate.wait(20)
            connection.sendall(b"lf")

        port, backend = free_port(), self.backend(slow)
        proxy = self.weir(web(port, [backend]))
        busy = self.client(port)
        busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        proxy.signal(signal.SIGUSR2)
        pid = self.upgraded(proxy, proxy.process.pid)
        eventually(lambda: "has taken over" in proxy.log(), "the old one finishes")
        for each in (proxy.process.pid, pid):
            os.kill(each, signal.SIGTERM)
        eventually(lambda: "this one is already finishing" in proxy.log(), "it has heard")
        gate.set()
        self.assertEqual(busy.reader.response()["body"], b"half")
        self.assertEqual(proxy.process.wait(20), 0)

    def test_listeners_of_a_changed_file_come_with_the_new_process(self):
        """The file is reloaded first: a new process inherits what is in force (ADR 0022)."""
        port, gone, more, backend = free_port(), free_port(), free_port(), self.backend()
        proxy = self.weir(web(port, [backend], listeners={"other": gone}), workers=3)
        proxy.write(web(port, [backend], listeners={"other": more}))
        proxy.signal(signal.SIGUSR2)
        self.upgraded(proxy, proxy.process.pid)
        self.assertEqual((proxy.process.wait(20), proxy.status()["workers"]), (0, 3))
        self.assertIn("reload applied", proxy.log())
        for _ in range(30):
            self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(self.client(more).get("/")["status"], 200)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gone), 5)

    def test_operators_are_heard_while_an_upgrade_waits_for_a_reload(self):
        proxy, redis, backend = waits_for_lock(self)
        proxy.signal(signal.SIGUSR2)
        proxy.wait_logged("upgrade: starting the new process")
        self.assertEqual(proxy.admin("POST", f"/api/v1/backends/web/{backend.address}?state=drain")[0], 200)
        redis.call("DEL", "weir:{test}:lock")
        self.upgraded(proxy, proxy.process.pid)
        self.assertEqual((proxy.process.wait(20), proxy.states()), (0, ["drain"]))

    def test_the_admin_socket_passes_over_as_well(self):
        port, backend = free_port(), self.backend()
        directory = self.folder()
        path = os.path.join(directory, "admin.sock")
        admin = f'admin: {{address: "unix:{path}"}}\n'
        proxy = self.weir(web(port, [backend]) + admin, admin_path=path)
        with socket.socket() as other:  # a file that is refused: no new process is started with it
            other.bind(("127.0.0.1", 0))
            other.listen()
            proxy.write(web(port, [backend], listeners={"more": other.getsockname()[1]}) + admin)
            proxy.signal(signal.SIGUSR2)
            eventually(lambda: "this one continues" in proxy.log(), "it has failed")
        self.assertEqual(proxy.status()["pid"], proxy.process.pid)
        proxy.write(web(port, [backend]) + admin)
        proxy.signal(signal.SIGUSR2)
        self.assertEqual(proxy.process.wait(20), 0)
        self.upgraded(proxy, proxy.process.pid)
        self.assertTrue(os.path.exists(path))

    def test_an_admin_socket_that_is_not_wanted_any_more_needs_a_restart(self):
        """A new process inherits what is in force, and `admin` is fixed while weir runs (ADR 0022)."""
        port, backend = free_port(), self.backend()
        directory = self.folder()
        path = os.path.join(directory, "admin.sock")
        proxy = self.weir(web(port, [backend]) + f'admin: {{address: "unix:{path}"}}\n', admin_path=path)
        proxy.write(web(port, [backend]) + "admin: {}\n")
        proxy.signal(signal.SIGUSR2)
        proxy.wait_logged("upgrade refused: .*needs a restart.*; this one continues")
        self.assertEqual(proxy.status()["pid"], proxy.process.pid)

    def test_a_reload_requested_during_an_upgrade_is_not_lost(self):
        port, proxy, copy, usual = self.running_from_a_copy_that_is_gone()
        with open(copy, "w") as f:  # a new binary that starts slowly
            f.write(
                f"#!/bin/sh\ntouch {copy}.begun\nwhile [ ! -e {copy}.gate ]; do sleep 0.05; done\n"
                f'exec {os.path.abspath(usual)} "$@"\n'
            )
        os.chmod(copy, 0o755)
        proxy.signal(signal.SIGUSR2)
        eventually(lambda: os.path.exists(copy + ".begun"), "the upgrade is under way")
        with open(proxy.path) as f:
            edited = f.read() + "limits: {header_count: 50}\n"
        with open(proxy.path, "w") as f:
            f.write(edited)
        proxy.signal(signal.SIGHUP)
        with open(copy + ".gate", "w"):
            pass
        self.upgraded(proxy, proxy.process.pid)
        self.assertEqual(proxy.process.wait(20), 0)
        # The first new process found a file that was not in force. It was reloaded, and the start was tried again.
        self.assertIn("the configuration has changed since then: trying again", proxy.log())
        self.assertIn("reload applied", proxy.log())
        with Client(port) as client:
            self.assertEqual(client.get("/", extra="A: b\r\n" * 60)["status"], 431)

    def test_the_service_manager_learns_the_new_main_process(self):
        directory = self.folder()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(20)
            manager.bind(os.path.join(directory, "notify"))
            proxy = self.weir(
                web(free_port(), [self.backend()]), environment={"NOTIFY_SOCKET": os.path.join(directory, "notify")}
            )
            self.assertEqual(manager.recv(1000), f"READY=1\nMAINPID={proxy.process.pid}\nSTATUS=".encode())
            proxy.signal(signal.SIGUSR2)
            pid = self.upgraded(proxy, proxy.process.pid)
            self.assertEqual(manager.recv(1000), f"READY=1\nMAINPID={pid}\nSTATUS=".encode())


if __name__ == "__main__":
    main()
