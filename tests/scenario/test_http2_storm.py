"""HTTP/2 clients that do everything at once, at random, and backends that do the same: nothing is lost, mixed up or
left behind. The seeds are fixed; the interleaving is not."""
import random
import threading
import time

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario
from support.scenario import SANITIZED, eventually, main

STEPS = 200 if SANITIZED else 1_000  # of each client
CLIENTS = 4


def pattern(name, size):
    """Returns the body that belongs to a request."""
    return (name.encode() + b";") * (size // (len(name) + 1) + 1) if size else b""


class Chaos:
    """A client that takes random steps."""

    def __init__(self, scenario, number, problems):
        self.scenario, self.random, self.problems = scenario, random.Random(number), problems
        self.number, self.count, self.client = number, 0, None
        self.open, self.uploads, self.shut = {}, {}, set()
        self.served = 0

    def run(self):
        try:
            for _ in range(STEPS):
                if self.client is None or self.client.closed or self.client.goaways:
                    self.begin()
                self.random.choice(self.steps)(self)
                self.client.drain()
                self.check()
            self.finish()
        except BaseException as problem:
            self.problems.append(f"client {self.number}: {problem!r}")

    def begin(self):
        if self.client:
            self.client.close()
        windows = self.random.choice((0, 1, 1000, 65_535, 1 << 20))
        self.client = self.scenario.connect(settings=[(h2.INITIAL_WINDOW_SIZE, windows)])
        self.open, self.uploads, self.shut = {}, {}, windows == 0

    def request(self):
        if len([view for view, _ in self.open.values() if not view.over]) > 80:
            return
        self.count += 1
        size = self.random.choice((0, 1, 100, 10_000, 100_000))
        way = self.random.choice(("plain", "plain", "plain", "chunked", "slow", "early", "breaks", "hints", "closes"))
        path = f"/{way}/{size}/{self.number}-{self.count}"
        upload = self.random.random() < 0.4
        view = self.client.request("POST" if upload else "GET", path, end=not upload)
        self.open[view.id] = (view, path)
        if upload:
            self.uploads[view.id] = view

    def upload(self):
        for view in list(self.uploads.values())[:5]:
            room = min(view.window, self.client.window, self.random.choice((1, 100, 16_384)))
            end = self.random.random() < 0.5
            if view.over:
                self.uploads.pop(view.id)
            elif room > 0:
                self.client.send_body(view, b"u" * room, end=end)
                if end:
                    self.uploads.pop(view.id)

    def reset(self):
        if self.open:
            view, _ = self.open.pop(self.random.choice(list(self.open)))
            self.uploads.pop(view.id, None)
            if not view.over:
                self.client.send(h2.rst_stream(view.id, self.random.choice((h2.CANCEL, h2.NO_ERROR))))

    def hold(self):
        if self.open:
            self.client.held.add(self.random.choice(list(self.open)))

    def let_go(self):
        for stream in list(self.client.held):
            view = self.client.view(stream)
            self.client.send(h2.window_update(0, 1 << 17) + (b"" if view.over else h2.window_update(stream, 1 << 17)))
        self.client.held.clear()

    def resize(self):
        self.client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, self.random.choice((0, 10, 65_535, 1 << 20)))]))

    def ping(self):
        self.client.ping()

    def wait(self):
        time.sleep(self.random.random() / 50)

    def leave(self):
        if self.random.random() < 0.1:
            self.random.choice((self.client.close, self.client.reset_connection))()
            self.client.closed = True

    steps = [request] * 8 + [upload] * 4 + [reset] * 2 + [hold, let_go, let_go, resize, ping, wait, leave]

    def check(self):
        for stream, (view, path) in list(self.open.items()):
            if view.ended:
                self.check_response(view, path)
                self.served += 1
            if view.over and stream not in self.uploads:
                self.open.pop(stream)

    def check_response(self, view, path):
        _, way, size, name = path.split("/")
        if view.status != 200:
            assert view.status in (408, 502, 503, 504) and way in ("breaks", "closes"), (path, view.fields)
            return
        assert bytes(view.body) == pattern(name, int(size))[: int(size)], f"{path}: another body"

    def finish(self):
        """Ends all uploads, opens all windows, and waits for every response."""
        if self.client.closed:
            return
        self.client.held.clear()
        self.client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, 1 << 20)]) + h2.window_update(0, 1 << 26))
        for view in self.uploads.values():
            if not view.over:
                self.client.send_body(view, b"")
        self.uploads = {}
        views = [view for view, _ in self.open.values()]
        try:
            self.client.wait(lambda: all(view.over for view in views), "all streams are over")
        except AssertionError as problem:
            left = [(path, view.status, len(view.body)) for view, path in self.open.values() if not view.over]
            raise AssertionError(f"{left} {problem}") from None
        self.check()
        self.client.ping()
        assert not self.client.goaways, self.client.goaways
        self.client.close()


class Storm(Http2Scenario):
    def answer(self, connection, first, fields, reader):
        _, way, size, name = first.split(" ")[1].split("/")
        body = pattern(name, int(size))[: int(size)]
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        if way == "early":
            connection.sendall(head + body)
        if "transfer-encoding" in fields:
            reader.chunks()
        if way == "early":
            return
        if way == "closes":
            raise OSError("closed")
        if way == "hints":
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        if way == "slow":
            time.sleep(0.01)
        if way == "breaks" and body:  # a whole response would leave a connection that closes when it is used again
            connection.sendall(head + body[: len(body) // 2])
            raise OSError("closed")
        if way == "chunked":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 7_000):
                piece = body[at : at + 7_000]
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            return connection.sendall(b"0\r\n\r\n")
        connection.sendall(head + body)

    def storm(self, tls=None, workers=2, meanwhile=lambda: None, **keys):
        self.serve(behind=self.head_backend(self.answer), tls=tls, workers=workers, **keys)
        problems = []
        clients = [Chaos(self, number, problems) for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            meanwhile()
            time.sleep(0.1)
        self.assertEqual(problems, [])
        self.assertGreater(sum(client.served for client in clients), CLIENTS * STEPS // 100)
        eventually(lambda: sum(one["active"] for one in self.proxy.backends().values()) == 0, "no request is left")

    def test_clients_and_backends_at_random(self):
        self.storm()

    def test_reloads_meanwhile(self):
        limits = iter(range(101, 1_000_000))

        def reload():
            report = self.proxy.reload(f"{self.config}limits: {{header_count: {next(limits)}}}\n")
            self.assertEqual(report["verdict"], "applied")

        self.storm(meanwhile=reload)


if __name__ == "__main__":
    main()
