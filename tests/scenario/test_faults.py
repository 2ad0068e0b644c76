"""Peers that are slow, break off or vanish, and a machine that runs out of things: nobody else notices."""
import asyncio
import http.client
import os
import random
import resource
import select
import socket
import struct
import subprocess
import threading
import time
import unittest

from weir_test import SANITIZED, WEIR, Backend, Client, Scenario, can_connect, eventually, free_port, main, web

CROWD = 200
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that makes a close a reset


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Slow(Scenario):
    """Crowds that take their time. A drop now and then keeps nobody alive."""

    def serve(self, script=None):
        self.port, self.seen = free_port(), self.backend(script)
        self.proxy = self.weir(web(self.port, [self.seen], more="timeouts: {client_header: 1s, client_idle: 1s}"))

    def active(self):
        return self.proxy.metrics()['weir_connections_active{listener="web"}']

    def drip(self, begin, drop):
        """Every client sends `begin`, and then a drop again and again; returns what each was told in the end."""
        clients = [Client(self.port) for _ in range(CROWD)]
        told = {client: b"" for client in clients}
        for client in clients:
            client.send(begin)
            client.sock.setblocking(False)
        open_clients, good = set(clients), self.client(self.port)

        def all_closed():
            for client in list(open_clients):
                try:
                    client.sock.send(drop)
                    while data := client.sock.recv(4096):
                        told[client] += data
                    open_clients.discard(client)
                except BlockingIOError:
                    pass
                except OSError:
                    open_clients.discard(client)
            self.assertEqual(good.get("/good")["status"], 200)
            return not open_clients

        eventually(all_closed, "all are closed")
        for client in clients:
            client.close()
        eventually(lambda: self.active() == 1, "all are forgotten")
        return told.values()

    def test_slow_heads_get_408(self):
        self.serve()
        for told in self.drip(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ", b"x"):
            self.assertTrue(told.startswith(b"HTTP/1.1 408 "), told)
            self.assertIn(b"Connection: close\r\n", told)

    def test_slow_bodies_get_408(self):
        self.serve()
        for begin, drop in ((b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"x"), (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")):
            for told in self.drip(begin, drop):
                self.assertTrue(told.startswith(b"HTTP/1.1 408 "), told)
        self.assertEqual([r for r in self.seen.requests if r["method"] == "POST"], [])

    def test_what_is_left_of_a_head_has_the_time_of_a_head(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], more="timeouts: {client_header: 500ms, client_idle: 1h}"))
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nG")
        self.assertEqual([client.reader.response()["status"] for _ in range(2)], [200, 408])

    def test_a_backend_that_begins_to_answer_early_owes_the_rest_in_time(self):
        def begin(connection):
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            while connection.recv(1000):
                pass

        port, backend = free_port(), self.backend()
        backend._serve = begin
        self.weir(web(port, [backend], more="timeouts: {client_idle: 1h, response: 1s}"))
        client = self.client(port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")

        def cut():
            try:
                client.send("x")
                return not client.sock.recv(1000, socket.MSG_DONTWAIT) and "ended"
            except BlockingIOError:
                return False
            except OSError:
                return "reset"

        eventually(lambda: client.sock.recv(1000, socket.MSG_DONTWAIT) if select.select([client.sock], [], [], 0)[0] else None, "the head is there")
        self.assertEqual(eventually(cut, "the rest is waited for no longer"), "reset")

    def test_a_reader_that_gets_on_is_not_cut(self):
        size = 20_000_000
        self.serve(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)))
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        begin, got = time.monotonic(), 0
        while time.monotonic() < begin + 5:  # 400 kB a second: the kernel asks for more only every few seconds
            got += len(client.sock.recv(40_000))
            time.sleep(0.1)
        while got < size:
            piece = client.sock.recv(1_000_000)
            self.assertTrue(piece, f"cut after {got} bytes")
            got += len(piece)

    def test_slow_readers_are_cut_and_cost_little(self):
        large = b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20000000)
        self.serve(lambda connection, request: self.seen.echo(connection, request) if request["target"] == "/good" else connection.sendall(large))
        good = self.client(self.port)
        self.assertEqual(good.get("/good")["status"], 200)
        before = self.proxy.memory()
        clients = []
        for _ in range(CROWD // 4):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", self.port))
            sock.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(sock)
            self.addCleanup(sock.close)
        largest = []

        def all_cut():
            for sock in clients:
                try:
                    sock.recv(16, socket.MSG_DONTWAIT)
                except OSError:
                    pass
            largest.append(self.proxy.memory())
            self.assertEqual(good.get("/good")["status"], 200)
            return self.active() == 1

        eventually(lambda: self.active() == len(clients) + 1, "all are there")
        eventually(all_cut, "all are cut")
        if not SANITIZED:
            self.assertLess(max(largest) - before, len(clients) * 160)  # kilobytes


class Leaving(Scenario):
    def test_a_client_that_resets_ends_its_upload_though_the_backend_stalls(self):
        port, held = free_port(), []

        def stall(connection):
            held.append(connection)  # reads nothing, and lives on

        backend = self.backend()
        backend._serve = stall
        self.weir(web(port, [backend]))
        client = self.client(port)
        client.sock.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000_000))
        reset(client.sock)
        self.hears_the_end(held[0])

    def hears_the_end(self, sock):
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        self.assertTrue(poll.poll(20000), "it hears of the end")
        sock.close()

    def test_a_reset_passes_a_tcp_peer_that_stalls(self):
        port, held, backend = free_port(), [], self.backend()
        backend._serve = held.append
        self.weir(f'''
listeners: {{tcp: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}}}
pools: {{db: {{backends: ["{backend.address}"]}}}}
''')
        for resetting in ("client", "backend"):
            held.clear()
            client = self.client(port)
            eventually(lambda: held, "the backend is there")
            speaker, other = (client.sock, held[0]) if resetting == "client" else (held[0], client.sock)
            speaker.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                while True:
                    speaker.sendall(bytes(1_000_000))
            reset(speaker)
            self.hears_the_end(other)

    def test_a_client_that_resets_while_it_waits_ends_its_request(self):
        port, ends = free_port(), []
        backend = self.backend(lambda connection, _: ends.append(connection.recv(1)))
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /more HTTP/1.1\r\n")
        eventually(lambda: backend.requests, "the backend has it")
        reset(client.sock)
        eventually(lambda: ends, "the backend hears of the end")
        eventually(lambda: proxy.metrics().get('weir_requests_total{listener="web",code="499"}') == 1, "it is counted")

    def test_a_thousand_clients_and_random_aborts_mix_up_no_byte(self):
        port = free_port()
        tally = asyncio.run(self.mingle(port))
        self.assertEqual(tally["wrong"], [])
        self.assertGreater(tally["whole"], 2000 if not SANITIZED else 500)
        self.assertGreater(tally["aborted"], 100)
        descriptors = self.proxy.descriptors
        eventually(lambda: self.proxy.metrics()['weir_connections_active{listener="web"}'] == 0, "all are gone")
        eventually(lambda: descriptors() <= self.baseline + 128, "only idle connections are left")

    async def mingle(self, port):
        """Every client asks for its own token, over and over; the answer is made of it alone."""
        tally, seed = {"whole": 0, "aborted": 0, "wrong": []}, random.Random(7)

        async def serve(reader, writer):
            try:
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    token = head.split(" ")[1][1:]
                    if "content-length: " in head.lower():
                        size = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                        body = await reader.readexactly(size)
                        if body != (token * (size // len(token) + 1)).encode()[:size]:
                            tally["wrong"].append(("request", token, body[:100]))
                    data = (token * seed.choice((1, 10, 100, 3000))).encode()
                    if seed.random() < 0.03:  # the backend breaks off
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(data) + 1) + data)
                        return
                    if seed.random() < 0.5:
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
                        for at in range(0, len(data), 20000):
                            writer.write(data[at:at + 20000])
                            await writer.drain()
                    else:
                        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                        for at in range(0, len(data), 7000):
                            piece = data[at:at + 7000]
                            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                            await writer.drain()
                        writer.write(b"0\r\n\r\n")
                    await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        async def read_answer(reader, token):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if "content-length: " in head:
                body = await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            else:
                body = b""
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    body += (await reader.readexactly(size + 2))[:-2]
                await reader.readexactly(2)
            if " 200 " in head.split("\r\n")[0] and body.replace(token.encode(), b""):
                tally["wrong"].append(("answer", token, body[:100]))
            tally["whole"] += 1

        async def client(number):
            token = f"t{number:06d}z"
            for _ in range(4):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    for _ in range(2):
                        size = seed.choice((0, 0, 100, 30000))
                        body = (token * (size // len(token) + 1)).encode()[:size]
                        request = f"{'POST' if size else 'GET'} /{token} HTTP/1.1\r\nHost: a\r\n{f'Content-Length: {size}' if size else 'A: b'}\r\n\r\n".encode() + body
                        fate = seed.random()
                        if fate < 0.08:  # the client breaks off in its request, or in the answer
                            writer.write(request[:seed.randrange(len(request))])
                        else:
                            writer.write(request)
                            if fate < 0.2:
                                await reader.read(seed.randrange(1, 2000))
                        if fate < 0.2:
                            tally["aborted"] += 1
                            if seed.random() < 0.5:
                                writer.transport.abort()
                            break
                        await asyncio.wait_for(read_answer(reader, token), 60)
                except (OSError, asyncio.IncompleteReadError):
                    pass
                finally:
                    writer.close()

        servers = [await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000) for _ in range(2)]
        backends = [f"127.0.0.1:{s.sockets[0].getsockname()[1]}" for s in servers]
        self.proxy = await asyncio.to_thread(self.weir, web(port, backends))
        self.baseline = self.proxy.descriptors()
        await asyncio.gather(*(client(n) for n in range(1000 if not SANITIZED else 200)))
        for server in servers:
            server.close()
        return tally


class Retries(Scenario):
    def test_connecting_that_takes_too_long_is_tried_elsewhere_or_504(self):
        port, good = free_port(), self.backend()
        full = socket.socket()  # a backend whose queue is full: the kernel drops who knocks
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.addCleanup(full.close)
        stuck = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            stuck.append(sock)
            self.addCleanup(sock.close)
        hung = f"127.0.0.1:{full.getsockname()[1]}"
        proxy = self.weir(web(port, [hung, good], more="timeouts: {connect: 300ms}"), workers=1)
        client = self.client(port)
        for method in ("GET", "POST"):
            self.assertEqual(client.get("/", method=method)["status"], 200)
        self.assertEqual(proxy.metrics()["weir_retries_total"], 1)  # and then it is avoided for a while
        port = free_port()
        self.weir(web(port, [hung], more="timeouts: {connect: 300ms}"), workers=1)
        self.assertEqual(self.client(port).get("/")["status"], 504)

    def test_attempts_are_a_limit_and_no_backend_is_asked_twice(self):
        port = free_port()
        rude = [self.backend(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), name=f"r{i}") for i in range(4)]
        for attempts, asked in ((1, 1), (3, 3), (16, 4)):
            proxy = self.weir(web(port, rude, more=f"retries: {{attempts: {attempts}}}"), workers=1)
            before = [len(b.requests) for b in rude]
            self.assertEqual(self.client(port).get("/")["status"], 502)
            counts = [len(b.requests) - n for b, n in zip(rude, before)]
            self.assertEqual((sum(counts), max(counts)), (asked, 1))
            self.assertEqual(proxy.metrics()["weir_retries_total"], asked - 1)
            proxy.stop()

    def test_the_budget_bounds_retries_and_the_metrics_show_it(self):
        port = free_port()
        rude = [self.backend(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), name=f"r{i}") for i in range(2)]
        proxy = self.weir(web(port, rude, more="retries: {attempts: 2, budget: 10%}"), workers=1)
        client = self.client(port)
        for _ in range(300):
            self.assertEqual(client.get("/")["status"], 502)
        metrics = proxy.metrics()
        # A hundred in ten seconds are free, and one in ten requests more is paid for.
        self.assertLessEqual(100, metrics["weir_retries_total"])
        self.assertLessEqual(metrics["weir_retries_total"], 100 + 30)
        self.assertEqual(metrics["weir_retries_total"] + metrics["weir_retries_refused_total"], 300)
        self.assertEqual(sum(len(b.requests) for b in rude), 300 + metrics["weir_retries_total"])

    def test_nothing_is_tried_again_once_a_byte_of_the_answer_is_out(self):
        port, good = free_port(), self.backend()
        half = self.backend(lambda connection, _: (connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), connection.shutdown(socket.SHUT_RDWR)))
        proxy = self.weir(web(port, [half, good]), workers=1)
        answers = []
        for _ in range(2):
            with Client(port) as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                answers.append(client.rest() if len(answers) == 0 else client.reader.response()["body"])
        self.assertTrue(answers[0].endswith(b"\r\n\r\nhalf") or answers[0] == b"", answers)
        self.assertEqual((proxy.metrics()["weir_retries_total"], len(half.requests), len(good.requests)), (0, 1, 1))

    def test_a_kept_connection_found_dead_costs_a_post_502_and_a_get_nothing(self):
        port = free_port()

        class Deaf(Backend):
            """Closes a connection as soon as the second request begins: the pool could not know."""

            def _serve(self, connection):
                count = 0

                def script(conn, request):
                    nonlocal count
                    count += 1
                    if count > 1:
                        raise OSError("closed")
                    self.echo(conn, request)

                self.script = script
                super()._serve(connection)

        backend = Deaf()
        self.addCleanup(backend.close)
        self.weir(web(port, [backend]), workers=1)
        client = self.client(port)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(client.get("/", method="POST")["status"], 502)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual([r["method"] for r in backend.requests], ["GET", "POST", "GET", "GET", "GET"])


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

    @unittest.skipIf(SANITIZED, "UndefinedBehaviorSanitizer needs a pipe to look at memory, and takes it for bad without")
    def test_out_of_descriptors_those_who_are_there_are_served_and_the_others_wait(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]), workers=1)
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
        cpu = lambda: sum(int(x) for x in open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")
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

    @unittest.skipIf(SANITIZED, "UndefinedBehaviorSanitizer needs a pipe to look at memory, and takes it for bad without")
    def test_out_of_descriptors_a_request_waits_for_one_instead_of_failing(self):
        port, gate = free_port(), threading.Event()
        self.addCleanup(gate.set)
        backend = self.backend(lambda connection, request: (request["target"] == "/slow" and gate.wait(20), backend.echo(connection, request)))
        proxy = self.weir(web(port, [backend], more="timeouts: {connect: 20s}"), workers=1)
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
            f.write(web(port, [backend]) + f'process: {{workers: 1, state_dir: {directory}/s}}\nadmin: {{address: "127.0.0.1:{admin}"}}\n')
        log = open(os.path.join(directory, "log"), "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen([WEIR, "run", "-c", path], stdout=subprocess.DEVNULL, stderr=log,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(lambda: can_connect(port), "it listens")
        with open(log.name) as f:
            self.assertIn("the limit on open files allows 17 clients at a time, not 20000; raise it", f.read())
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


if __name__ == "__main__":
    main()
