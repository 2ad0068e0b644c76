"""Clients that leave before they are answered: what happens to their requests, queue places and log lines."""
import socket
import struct
import threading

from support.scenario import Scenario, eventually, free_port, main, web

GET = "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun"


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


WAYS = {"closes": socket.socket.close, "ends its side": lambda sock: sock.shutdown(socket.SHUT_WR), "resets": reset}


class GoneClients(Scenario):
    def serve(self, pool="", more="", protocol="http"):
        """Starts weir with a backend that answers nothing but /quick until the test ends."""
        self.release = threading.Event()
        self.addCleanup(self.release.set)

        def script(connection, request):
            if request["target"] != "/quick":
                self.release.wait(300)
            self.behind.echo(connection, request)

        self.port, self.behind = free_port(), self.backend(script)
        self.proxy = self.weir(
            f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", protocol: {protocol}, pool: web}}}}
pools:
  web:
    backends: [{{name: b0, address: "{self.behind.address}", max_connections: 1}}]
{pool}{more}
"""
        )

    def length(self):
        return self.proxy.status()["pools"][0]["queue"]["length"]

    def active(self):
        return self.proxy.backends()["b0"]["active"]

    def logged(self, target):
        """Returns the statuses of this target's lines in the access log."""
        return [
            line.split('"')[2].split()[:2] for line in self.proxy.access_log().splitlines() if f" {target} " in line
        ]

    def test_a_client_that_leaves_before_the_request_is_sent_logs_499(self):
        for way, leave in WAYS.items():
            for target, request in (("waits", GET.format("waits")), ("upload", UPLOAD)):
                with self.subTest(way=way, target=target):
                    self.serve()
                    client = self.client(self.port).send(request)
                    eventually(lambda: self.active() == 1, "it is with the backend")
                    leave(client.sock)
                    eventually(lambda: self.logged(f"/{target}") == [["499", "-"]], "the line with 499 and no bytes")
                    eventually(lambda: self.active() == 0, "the place is free")
                    counted = self.proxy.metrics()
                    self.assertEqual(counted['weir_requests_total{listener="web",pool="web",route="",code="499"}'], 1)
                    self.assertEqual(counted['weir_backend_errors_total{pool="web",backend="b0"}'], 0)

    def test_a_client_that_leaves_while_connecting_is_logged_as_499(self):
        """The connection to the backend is not established yet."""
        full = socket.create_server(("127.0.0.1", 0), backlog=0)  # its queue is full, so connecting takes long
        self.addCleanup(full.close)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        self.port = free_port()
        self.proxy = self.weir(web(self.port, [f"127.0.0.1:{full.getsockname()[1]}"], more="timeouts: {connect: 10m}"))
        client = self.client(self.port).send(GET.format("waits"))
        eventually(lambda: next(iter(self.proxy.backends().values()))["active"] == 1, "weir connects")
        client.close()
        eventually(lambda: self.logged("/waits") == [["499", "-"]], "the line with 499")

    def test_a_client_that_leaves_the_queue_frees_its_slot_and_logs_499(self):
        self.serve("    queue: {max: 1, timeout: 10m}\n")
        held = self.client(self.port).send(GET.format("held"))
        eventually(lambda: self.active() == 1, "the backend is busy")
        for way, leave in WAYS.items():
            with self.subTest(way=way):
                waits = self.client(self.port).send(GET.format(f"leaves-{way.split()[0]}"))
                eventually(lambda: self.length() == 1, "it waits")
                self.assertEqual(self.client(self.port).get("/quick")["status"], 503)
                leave(waits.sock)
                eventually(lambda: self.length() == 0, "its place is free")
                eventually(lambda: self.logged(f"/leaves-{way.split()[0]}") == [["499", "-"]], "the line with 499")
        stays = self.client(self.port).send(GET.format("quick"))
        eventually(lambda: self.length() == 1, "the next one waits there")
        self.release.set()
        self.assertEqual([c.reader.response()["status"] for c in (held, stays)], [200, 200])
        self.assertEqual([r["target"] for r in self.behind.requests], ["/held", "/quick"])

    def has_no_room(self):
        self.assertEqual(self.client(self.port).rest(), b"")

    def test_a_tcp_client_that_leaves_the_queue_frees_its_place_there(self):
        self.serve("    queue: {max: 1, timeout: 10m}\n", protocol="tcp")
        held = self.client(self.port).send(GET.format("held"))
        eventually(lambda: self.behind.requests, "the backend is busy")
        for way, leave in WAYS.items():
            with self.subTest(way=way):
                waits = self.client(self.port)
                eventually(lambda: self.length() == 1, "it waits")
                self.has_no_room()
                leave(waits.sock)
                eventually(lambda: self.length() == 0, "its place is free")
        stays = self.client(self.port).send(GET.format("quick"))
        eventually(lambda: self.length() == 1, "the next one waits there")
        held.close()
        self.release.set()
        self.assertEqual(stays.reader.response()["status"], 200)

    def test_a_half_closed_tcp_client_keeps_its_place_in_the_queue(self):
        """It has sent its request and shut down its sending side, and still waits for the answer."""
        self.serve("    queue: {max: 5, timeout: 10m}\n", protocol="tcp")
        held = self.client(self.port).send(GET.format("held"))
        eventually(lambda: self.behind.requests, "the backend is busy")
        asks = self.client(self.port).send(GET.format("quick"))
        asks.sock.shutdown(socket.SHUT_WR)
        eventually(lambda: self.length() == 1, "it waits")
        held.close()
        self.release.set()
        self.assertEqual(asks.reader.response()["status"], 200)


if __name__ == "__main__":
    main()
