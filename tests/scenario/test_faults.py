"""Peers that are slow, break off or vanish do not affect others."""
import asyncio
import contextlib
import random
import select
import socket
import struct
import time

from support.scenario import SANITIZED, Client, Scenario, eventually, free_port, web, main

CROWD = 200
RESET = struct.pack("ii", 1, 0)  # a value of SO_LINGER that turns a close into a reset


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Slow(Scenario):
    """Crowds of slow clients. A byte now and then does not keep a connection alive."""

    def serve(self, script=None, idle="3s"):
        self.port, self.seen = free_port(), self.backend(script)
        self.proxy = self.weir(
            web(self.port, [self.seen], more=f"timeouts: {{client_header: 3s, client_idle: {idle}}}")
        )

    def active(self):
        return self.proxy.metrics()['weir_connections_active{listener="web"}']

    def ask_good(self):
        with Client(self.port) as client:
            self.assertEqual(client.get("/good")["status"], 200)

    def drip(self, begin, drop):
        """Every client sends `begin`, then `drop` repeatedly; returns what each of them received."""
        clients = [Client(self.port) for _ in range(CROWD)]
        received = {client: b"" for client in clients}
        for client in clients:
            client.send(begin)
            client.sock.setblocking(False)
        open_clients, due = set(clients), [0.0]

        def all_closed():
            drips = time.monotonic() >= due[0]
            if drips:
                due[0] = time.monotonic() + 0.2
            for client in list(open_clients):
                try:
                    if drips:
                        client.sock.send(drop)
                    while data := client.sock.recv(4096):
                        received[client] += data
                    open_clients.discard(client)
                except BlockingIOError:
                    pass
                except OSError:
                    open_clients.discard(client)
            self.ask_good()
            return not open_clients

        eventually(all_closed, "all are closed")
        for client in clients:
            client.close()
        eventually(lambda: self.active() == 0, "all are forgotten")
        return received.values()

    def test_slow_heads_get_408(self):
        self.serve()
        for received in self.drip(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ", b"x"):
            self.assertTrue(received.startswith(b"HTTP/1.1 408 "), received)
            self.assertIn(b"Connection: close\r\n", received)

    def test_slow_bodies_get_408(self):
        self.serve()
        for begin, drop in (
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"x"),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        ):
            for received in self.drip(begin, drop):
                self.assertTrue(received.startswith(b"HTTP/1.1 408 "), received)
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
        backend.serve = begin
        self.weir(web(port, [backend], more="timeouts: {client_idle: 1h, stream_idle: 3s}"))
        client = self.client(port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")

        def cut():
            try:
                client.sock.setblocking(False)
                client.send("x")
                return not client.sock.recv(1000) and "ended"
            except BlockingIOError:
                return False
            except OSError:
                return "reset"

        eventually(
            lambda: client.sock.recv(1000, socket.MSG_DONTWAIT) if select.select([client.sock], [], [], 0)[0] else None,
            "the head is there",
        )
        self.assertEqual(eventually(cut, "the rest is waited for no longer"), "reset")

    def test_a_reader_that_gets_on_is_not_cut(self):
        size = 20_000_000
        self.serve(
            lambda connection, _: connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
            )
        )
        for _ in range(3):
            got, pause = self.read_slowly(size)
            if got >= size or pause < 1:  # a reader that was itself held up proves nothing
                break
        self.assertGreaterEqual(got, size)

    def read_slowly(self, size):
        """Reads 400 kB a second, so that the kernel asks for more only every few seconds. Returns the number of bytes,
        and the longest pause."""
        with Client(self.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            begin = last = time.monotonic()
            got, longest = 0, 0
            with contextlib.suppress(OSError):
                while got < size:
                    slowly = time.monotonic() < begin + 5
                    piece = client.sock.recv(40_000 if slowly else 1_000_000)
                    if not piece:
                        break
                    got, longest, last = got + len(piece), max(longest, time.monotonic() - last), time.monotonic()
                    if slowly:
                        time.sleep(0.1)
            return got, max(longest, time.monotonic() - last)

    def test_slow_readers_are_cut_and_cost_little(self):
        large = b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20000000)
        self.serve(
            lambda connection, request: self.seen.echo(connection, request)
            if request["target"] == "/good"
            else connection.sendall(large)
        )
        self.ask_good()
        before = self.proxy.memory()
        clients = []
        for _ in range(CROWD // 4):
            client = self.client(self.port, receive_buffer=4096).send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            client.sock.setblocking(False)
            clients.append(client.sock)
        largest = []

        def all_cut():
            for sock in clients:
                try:
                    sock.recv(16)
                except OSError:
                    pass
            largest.append(self.proxy.memory())
            left = self.active()
            self.ask_good()
            return left == 0

        eventually(
            lambda: self.proxy.metrics()['weir_connections_total{listener="web"}'] > len(clients), "all have come"
        )
        eventually(all_cut, "all are cut")
        if not SANITIZED:
            self.assertLess(max(largest) - before, len(clients) * 160)  # kilobytes

    def test_the_kernel_buffers_little_for_a_client_that_does_not_read(self):
        """When the client reads after all, it gets everything."""
        size = 8_000_000
        self.serve(
            lambda connection, _: connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
            ),
            idle="60s",
        )
        client = self.client(self.port, receive_buffer=4096)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        seen = []

        def nothing_moves():
            seen.append((waiting(self.port), waiting(self.seen.port)))
            return seen[-1][0] > 0 and seen[-1][1] > 0 and seen[-10:] == [seen[-1]] * 10

        eventually(nothing_moves, "all buffers are full")
        self.assertLess(seen[-1][0], 256 * 1024)
        self.assertEqual(len(client.reader.response("GET")["body"]), size)


def waiting(port):
    """Returns how many bytes the kernel has yet to send on all connections that were accepted at a port."""
    with open("/proc/net/tcp") as f:
        connections = [line.split() for line in list(f)[1:]]
    return sum(int(c[4].split(":")[0], 16) for c in connections if int(c[1].split(":")[1], 16) == port and c[3] == "01")


class Leaving(Scenario):
    def test_a_client_that_resets_ends_its_upload_though_the_backend_stalls(self):
        port, held = free_port(), []

        def stall(connection):
            held.append(connection)  # reads nothing, and stays open
            backend.closed.wait()

        backend = self.backend()
        backend.serve = stall
        self.weir(web(port, [backend]))
        client = self.client(port)
        client.sock.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000_000))
        eventually(lambda: held, "the backend is there")
        reset(client.sock)
        self.hears_the_end(held[0])

    def hears_the_end(self, sock):
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        self.assertTrue(poll.poll(20000), "it hears of the end")
        sock.close()

    def test_a_reset_passes_a_tcp_peer_that_stalls(self):
        port, held, backend = free_port(), [], self.backend()
        backend.serve = lambda connection: (held.append(connection), backend.closed.wait())
        self.weir(
            f"""
listeners: {{tcp: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}}}
pools: {{db: {{backends: ["{backend.address}"]}}}}
"""
        )
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
        eventually(
            lambda: proxy.metrics().get('weir_requests_total{listener="web",pool="web",route="",code="499"}') == 1,
            "it is counted",
        )

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
                            writer.write(data[at : at + 20000])
                            await writer.drain()
                    else:
                        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                        for at in range(0, len(data), 7000):
                            piece = data[at : at + 7000]
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
                        request = (
                            f"{'POST' if size else 'GET'} /{token} HTTP/1.1\r\nHost: a\r\n"
                            f"{f'Content-Length: {size}' if size else 'A: b'}\r\n\r\n".encode() + body
                        )
                        fate = seed.random()
                        if fate < 0.08:  # the client breaks off within its request or the answer
                            writer.write(request[: seed.randrange(len(request))])
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


if __name__ == "__main__":
    main()
