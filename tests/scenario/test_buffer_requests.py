"""Routes that buffer requests: a backend gets a request only once weir has all of its body."""
import collections
import contextlib
import json
import os
import random
import re
import threading

from support.scenario import Scenario, eventually, free_port, main, web

BLOCK = 64 * 1024  # what stays in memory
LIMIT = 8 << 20  # of a body
body_of = random.Random(1).randbytes


def chunked(body, size=50_000):
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: gone\r\n\r\n"


def head(fields, target="/in", method="POST"):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"


def of_length(body, **keys):
    return head(f"Content-Length: {len(body)}\r\n", **keys).encode() + body


class Buffering(Scenario):
    """The base of all scenarios here: requests for /in are buffered."""

    def serve(self, backends=None, limits="", route=None, more="", pool=None, **keys):
        self.port = free_port()
        self.backends = backends or [self.backend()]
        self.proxy = self.weir(self.config(limits, route, more, pool), **keys)

    def config(self, limits="", route=None, more="", pool=None):
        routes = [{"match": {"path_prefix": "/in"}, "pool": "web", "buffer_requests": True, **(route or {})}]
        limits = f"limits: {{body_size: 8MiB{limits}}}\n"
        return web(self.port, self.backends, more=f"routes: {json.dumps(routes)}\n{limits}{more}", pool=pool)

    def bytes_now(self):
        return self.proxy.metrics()["weir_buffered_body_bytes"]

    def wait_for_bytes(self, size):
        eventually(lambda: self.bytes_now() == size, f"{size} bytes are buffered")

    def descriptors(self):
        """Returns what weir has open, besides connections."""
        folder, links = f"/proc/{self.proxy.process.pid}/fd", []
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"{folder}/{name}"))
        return collections.Counter(link for link in links if not link.startswith("socket:"))

    def files(self):
        """Returns the files of bodies that weir has open."""
        links = self.descriptors()
        return [link for link in links if link.startswith(self.proxy.state_dir) and link.endswith(" (deleted)")]

    def holds_nothing(self):
        self.wait_for_bytes(0)
        eventually(lambda: not self.files(), "no file is open")
        eventually(lambda: all(b["active"] == 0 for b in self.proxy.backends().values()), "no backend is in use")
        self.assertEqual([name for name in os.listdir(self.proxy.state_dir) if name.startswith("body-")], [])

    def is_answered(self, client, status=200, body=None):
        answer = client.reader.response()
        self.assertEqual(answer["status"], status, answer)
        if body is not None:
            self.assertTrue(answer["body"] == body, "the body came back as it was sent")
        return answer


class Bodies(Buffering):
    def test_bodies_of_any_size_and_framing_arrive_with_their_length(self):
        self.serve()
        client = self.client(self.port)
        for size in (1, 2, 4095, 4096, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 1 << 20, LIMIT):
            for framing in ("length", "chunked"):
                with self.subTest(size=size, framing=framing):
                    body = body_of(size)
                    in_chunks = head("Transfer-Encoding: chunked\r\n").encode() + chunked(body)
                    client.send(of_length(body) if framing == "length" else in_chunks)
                    self.is_answered(client, body=body)
                    fields = self.backends[0].requests[-1]["fields"]
                    self.assertEqual(fields["content-length"], str(size))
        self.assertEqual(self.proxy.metrics()["weir_spilled_bodies_total"], 8)
        self.assertEqual(self.backends[0].broken, [])
        self.holds_nothing()

    def test_requests_without_a_body_pass_as_ever(self):
        self.serve()
        client = self.client(self.port)
        self.assertEqual(client.get("/in")["body"], b"b /in")
        for request in (head("Content-Length: 0\r\n"), head("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n"):
            self.is_answered(client.send(request), body=b"b /in")
            self.assertEqual(self.backends[0].requests[-1]["fields"]["content-length"], "0")

    def test_an_upgrade_is_not_affected(self):
        def switch(connection, _):
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
            connection.sendall(connection.recv(100))
            raise ConnectionError  # which ends the connection

        self.serve([self.backend(switch)])
        client = self.client(self.port).send(head("Upgrade: echo\r\nConnection: Upgrade\r\n", method="GET"))
        self.assertEqual(client.reader.response()["status"], 101)
        self.assertEqual(client.send(b"ping").rest(), b"ping")

    def test_what_follows_a_body_is_the_next_request(self):
        self.serve()
        for size in (10, 3 * BLOCK + 5):
            body = body_of(size)
            chunks = head("Transfer-Encoding: chunked\r\n").encode() + chunked(body)
            client = self.client(self.port)
            sender = threading.Thread(target=client.send, args=(of_length(body) + chunks + of_length(body) * 2,))
            sender.start()
            for _ in range(4):
                self.is_answered(client, body=body)
            sender.join()
            self.assertEqual(client.get("/after")["body"], b"b /after")

    def test_the_log_counts_the_bytes_that_came(self):
        self.serve(more="logging: {access: {format: json}}\n")
        client = self.client(self.port)
        request = of_length(body_of(3 * BLOCK), target="/in/sized")
        client.send(request)
        self.is_answered(client)
        eventually(lambda: "/in/sized" in self.proxy.access_log(), "the request is logged")
        line = next(line for line in self.proxy.access_log().splitlines() if "/in/sized" in line)
        self.assertEqual(json.loads(line)["received_bytes"], len(request))

    def test_expect_is_answered_by_weir(self):
        seen = threading.Event()

        def echo(connection, request):
            seen.set()
            self.backends[0].echo(connection, request)

        self.serve([self.backend(echo)])
        for size in (5, 2 * BLOCK):
            client, body = self.client(self.port), body_of(size)
            client.send(head(f"Content-Length: {size}\r\nExpect: 100-continue\r\n"))
            self.assertEqual(client.reader.response()["status"], 100)
            self.assertFalse(seen.is_set())
            client.send(body)
            self.is_answered(client, body=body)
            self.assertNotIn("expect", self.backends[0].requests[-1]["fields"])
            seen.clear()
        # A body that comes with its head needs no 100, and an HTTP/1.0 client would not understand it.
        client = self.client(self.port).send(head("Content-Length: 2\r\nExpect: 100-continue\r\n") + "ab")
        self.is_answered(client, body=b"ab")
        client = self.client(self.port)
        client.send("POST /in HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        client.send("ab")
        self.is_answered(client, body=b"ab")


class SlowClients(Buffering):
    def test_a_slow_client_occupies_no_backend(self):
        backend = self.backend()
        self.serve([backend.entry(max_connections=1)], pool={"queue": {"max": 20, "timeout": "30s"}})
        body = body_of(BLOCK + 10)
        slow = [self.client(self.port).send(of_length(body)[:-5]) for _ in range(20)]
        self.wait_for_bytes(20 * (len(body) - 5))
        self.assertEqual(len(self.files()), 20)
        self.assertEqual(backend.requests, [])
        for _ in range(3):
            other = self.client(self.port).send(of_length(b"quick"))
            self.is_answered(other, body=b"quick")
        for client in slow:
            client.send(body[-5:])
        for client in slow:
            self.is_answered(client, body=body)  # one after another
        self.holds_nothing()

    def test_a_client_that_sends_too_slowly_gets_a_408(self):
        self.serve(more="timeouts: {client_idle: 300ms}\n")
        client = self.client(self.port).send(of_length(body_of(BLOCK + 10))[:-5])
        self.is_answered(client, 408)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.backends[0].requests, [])
        self.holds_nothing()

    def test_a_client_that_leaves_gives_its_space_back(self):
        self.serve()
        for size in (100, BLOCK + 10, 5 * BLOCK):
            clients = [self.client(self.port).send(of_length(body_of(size))[:-5]) for _ in range(10)]
            self.wait_for_bytes(10 * (size - 5))
            for client in clients:
                client.close()
            self.holds_nothing()
        eventually(lambda: len(re.findall(r" 499 .*client_closed", self.proxy.access_log())) == 30, "they are logged")
        self.assertEqual(self.backends[0].requests, [])

    def test_descriptors_do_not_leak(self):
        self.serve()
        body = body_of(2 * BLOCK)
        self.is_answered(self.client(self.port).send(of_length(body)), body=body)
        self.holds_nothing()
        before = self.descriptors()
        for i in range(20):
            with self.client(self.port) as client:
                client.send(of_length(body)[: -5 if i % 2 else None])
                if i % 2 == 0:
                    self.is_answered(client, body=body)
        self.holds_nothing()
        # The last client may have left before weir read what it sent. A file of the start may have been open before.
        eventually(lambda: not self.descriptors() - before, "nothing more is open than before")

    def test_a_drain_waits_for_bodies_that_still_come(self):
        self.serve()
        body = body_of(2 * BLOCK)
        client = self.client(self.port).send(of_length(body)[:-5])
        self.wait_for_bytes(len(body) - 5)
        self.proxy.process.terminate()
        self.proxy.wait_logged("stopping: 1 request")
        client.send(body[-5:])
        self.assertEqual(self.is_answered(client, body=body)["fields"]["connection"], "close")
        self.assertEqual(self.proxy.process.wait(60), 0)

    def test_a_reload_keeps_the_bodies_that_are_on_their_way(self):
        self.serve()
        body = body_of(2 * BLOCK)
        client = self.client(self.port).send(of_length(body)[:-5])
        self.wait_for_bytes(len(body) - 5)
        other = self.backend(name="other")
        self.backends = [other]
        self.assertEqual(self.proxy.reload(self.config())["verdict"], "applied")
        client.send(body[-5:])
        self.is_answered(client, body=body)
        self.is_answered(self.client(self.port).send(of_length(b"x")), body=b"x")
        self.assertEqual(other.requests[-1]["body"], b"x")
        self.holds_nothing()


class Refusals(Buffering):
    def test_a_body_over_its_limit_gets_a_413(self):
        self.serve(route={"body_size": "100KiB"})
        size = 100 * 1024 + 1
        for request in (head(f"Content-Length: {size}\r\n"), head("Transfer-Encoding: chunked\r\n")):
            client = self.client(self.port).send(request)
            if "chunked" in request:
                client.send(chunked(body_of(size)))
            answer = self.is_answered(client, 413)
            self.assertEqual(answer["fields"]["connection"], "close")
            self.assertEqual(client.rest(), b"")
        self.assertEqual(self.backends[0].requests, [])
        self.holds_nothing()

    def test_malformed_chunks_get_a_400(self):
        self.serve()
        client = self.client(self.port).send(head("Transfer-Encoding: chunked\r\n")).send(b"5\r\nhello\r\nxyz\r\n")
        self.is_answered(client, 400)
        self.assertEqual(client.rest(), b"")
        self.proxy.wait_logged(r"bad_request_body.*xyz")
        self.assertEqual(self.backends[0].requests, [])
        self.holds_nothing()

    def test_all_bodies_together_have_a_limit(self):
        self.serve(route={"body_size": "256KiB"}, limits=", buffered_bodies: 300KiB")
        body = body_of(200 * 1024)
        first = self.client(self.port).send(of_length(body)[:-1])
        self.wait_for_bytes(len(body) - 1)
        for request in (of_length(body), head("Transfer-Encoding: chunked\r\n").encode() + chunked(body)):
            client = self.client(self.port).send(request)
            answer = self.is_answered(client, 503)
            self.assertEqual(answer["fields"]["retry-after"], "1")
            self.assertEqual(answer["fields"]["connection"], "close")
        self.proxy.wait_logged("resource_exhausted.*limits.buffered_bodies is reached")
        expecting = self.client(self.port)
        expecting.send(head(f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n"))
        self.is_answered(expecting, 503)  # instead of 100
        short = self.client(self.port).send(of_length(body[:50_000]))
        self.is_answered(short, body=body[:50_000])
        self.is_answered(first.send(body[-1:]), body=body)
        self.holds_nothing()
        self.is_answered(self.client(self.port).send(of_length(body)), body=body)

    def test_a_reload_changes_the_limit_of_all_bodies(self):
        self.serve(route={"body_size": "256KiB"}, limits=", buffered_bodies: 300KiB")
        body = body_of(200 * 1024)
        first = self.client(self.port).send(of_length(body)[:-1])
        self.wait_for_bytes(len(body) - 1)
        self.is_answered(self.client(self.port).send(of_length(body)), 503)
        self.proxy.reload(self.config(", buffered_bodies: 1MiB", {"body_size": "256KiB"}))
        self.is_answered(self.client(self.port).send(of_length(body)), body=body)
        self.is_answered(first.send(body[-1:]), body=body)


class Disks(Buffering):
    def fails(self, error):
        short, long = body_of(BLOCK), body_of(2 * BLOCK)
        answer = self.is_answered(self.client(self.port).send(of_length(long)), 503)
        self.assertEqual((answer["fields"]["retry-after"], answer["fields"]["connection"]), ("1", "close"))
        self.proxy.wait_logged(f"buffer_requests: cannot write the body .* in {self.proxy.state_dir}: {error}")
        self.proxy.wait_logged(f"resource_exhausted.*cannot be buffered in state_dir.*{error}")
        self.is_answered(self.client(self.port).send(of_length(short)), body=short)
        self.holds_nothing()
        return long

    def test_a_missing_directory_fails_only_long_bodies(self):
        self.serve()
        os.rename(self.proxy.state_dir, self.proxy.state_dir + ".aside")
        os.symlink("nowhere", self.proxy.state_dir)
        try:
            self.assertRaises(FileNotFoundError, os.listdir, self.proxy.state_dir)
            state_dir = self.proxy.state_dir
            long = body_of(2 * BLOCK)
            self.is_answered(self.client(self.port).send(of_length(long)), 503)
            self.proxy.wait_logged(f"cannot write the body of a request in {state_dir}: No such file or directory")
            self.is_answered(self.client(self.port).send(of_length(long[:BLOCK])), body=long[:BLOCK])
        finally:
            os.unlink(self.proxy.state_dir)
            os.rename(self.proxy.state_dir + ".aside", self.proxy.state_dir)
        self.is_answered(self.client(self.port).send(of_length(long)), body=long)
        self.holds_nothing()

    def test_a_full_disk_fails_only_the_bodies_that_need_it(self):
        # The limit of a file's size stands for the limit of a disk: its errors come from the same call.
        self.serve(wrapper=["prlimit", f"--fsize={BLOCK}"])
        self.fails("File too large")
        self.assertIsNone(self.proxy.process.poll())


class Retries(Buffering):
    def test_a_refused_connection_is_retried_with_the_whole_body(self):
        dead = free_port()
        backend = self.backend()
        self.serve([f"127.0.0.1:{dead}", backend])
        for size in (10, 3 * BLOCK):
            for _ in range(4):
                body = body_of(size)
                self.is_answered(self.client(self.port).send(of_length(body)), body=body)
        self.assertGreater(self.proxy.metrics()["weir_retries_total"], 0)

    def test_an_idempotent_request_is_sent_again_with_its_body(self):
        got = []

        def close(_, request):
            got.append(request["body"])
            raise ConnectionError

        closing, backend = self.backend(close, name="closing"), self.backend()
        self.serve([closing.entry(), backend.entry()], more="retries: {budget: 100%}\n")
        for size in (1, 3000, BLOCK, 3 * BLOCK):
            with self.subTest(size=size):
                got.clear()
                while not got:  # until the first try was on the backend that closes
                    body = body_of(size)
                    chunks = head("Transfer-Encoding: chunked\r\n", method="PUT").encode() + chunked(body)
                    self.is_answered(self.client(self.port).send(chunks), body=body)
                self.assertTrue(got[0] == body, "the first backend had the whole body, too")
        self.assertEqual(backend.broken + closing.broken, [])
        self.holds_nothing()

    def test_a_post_that_may_have_been_executed_is_not_repeated(self):
        def close(*_):
            raise ConnectionError

        self.serve([self.backend(close, name=name) for name in ("b1", "b2")])
        client = self.client(self.port).send(of_length(body_of(2 * BLOCK)) + of_length(b"", method="GET"))
        self.is_answered(client, 502)
        self.is_answered(client, 502)
        methods = [request["method"] for backend in self.backends for request in backend.requests]
        self.assertEqual(methods.count("POST"), 1)
        self.holds_nothing()

    def test_the_connection_outlives_a_failed_backend(self):
        """The body has been read, so the next request on the connection can be."""
        self.serve([f"127.0.0.1:{free_port()}"])
        client = self.client(self.port)
        for _ in range(3):
            answer = self.is_answered(client.send(of_length(body_of(BLOCK + 1))), 502)
            self.assertNotIn("connection", answer["fields"])

    def test_a_backend_that_responds_early_does_not_need_the_body(self):
        def early(connection):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.done.wait()

        self.done = threading.Event()
        self.addCleanup(self.done.set)
        self.serve([self.raw_backend(early)], more="timeouts: {stream_idle: 1s, response: 1s}\n")
        client = self.client(self.port)
        for _ in range(2):
            self.is_answered(client.send(of_length(body_of(LIMIT))), 401)
        self.holds_nothing()


if __name__ == "__main__":
    main()
