"""Long connections whose backend goes down (on_down), and peers that vanish silently."""
import socket
import threading

from support.scenario import Scenario, eventually, free_port, main, web


class Long(Scenario):
    """Two echo backends, each with its own health port, which a test may close."""

    def echo(self):
        switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

        def serve(connection):
            while data := connection.recv(4096):
                if data.startswith(b"GET /slow"):
                    self.gate.wait(30)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
                else:
                    connection.sendall(switched if data.startswith(b"GET ") else data)

        self.echoes.append(self.raw_backend(serve))
        return self.echoes[-1].port

    def serve(self, on_down, protocol="tcp", count=2, ejection=None):
        self.gate, self.echoes, self.port = threading.Event(), [], free_port()
        self.addCleanup(self.gate.set)
        self.health = [self.backend() for _ in range(count)]
        self.protocol, self.ejection = protocol, ejection
        self.listed = [
            {"name": f"b{i}", "address": f"127.0.0.1:{self.echo()}", "health_check_port": health.port}
            for i, health in enumerate(self.health)
        ]
        self.proxy = self.weir(self.config(on_down), workers=1)
        self.proxy.wait_up(count)

    def config(self, on_down):
        check = {"type": "http", "interval": "200ms", "timeout": "200ms", "fall": 10, "rise": 1}
        listener = {"protocol": self.protocol}
        keys = {"on_down": on_down, "outlier_ejection": self.ejection}
        pool = {key: value for key, value in keys.items() if value}
        return web(self.port, self.listed, check, pool=pool, listener=listener)

    def connect(self, count=2):
        clients = [self.client(self.port) for _ in range(count)]
        for client in clients:
            self.assertEqual(self.says(client), b"hello")
        return clients

    @staticmethod
    def says(client):
        client.send("hello")
        return client.sock.recv(100)

    def put_down(self, number):
        self.health[number].close()
        eventually(lambda: self.proxy.backends()[f"b{number}"]["state"] == "down", f"b{number} is down")

    def connect_quietly(self):
        with socket.create_connection(("127.0.0.1", self.port)):
            return True

    def stop_listening(self, port):
        next(echo for echo in self.echoes if echo.port == port).listener.shutdown(socket.SHUT_RDWR)

    def test_on_down_close_ends_tcp_connections_to_a_backend_that_goes_down(self):
        self.serve("close")
        first, second = self.connect()
        self.put_down(1)
        self.assertEqual(second.rest(), b"")
        self.assertEqual(self.says(first), b"hello")
        again = self.connect(1)[0]  # a client that connects again is served by the other
        self.health[1].open()
        self.proxy.wait_up(2)
        self.assertEqual(self.says(again), b"hello")  # it stays there when the first is back
        self.assertEqual([b["active"] for b in self.proxy.backends().values()], [2, 0])

    def test_tcp_connections_are_kept_by_default(self):
        self.serve("keep")
        clients = self.connect()
        self.put_down(1)
        for client in clients:
            self.assertEqual(self.says(client), b"hello")

    def test_a_reload_to_on_down_close_ends_connections_to_down_backends(self):
        """These backends were down before the reload."""
        self.serve("keep")
        first, second = self.connect()
        self.put_down(1)
        self.assertEqual(self.says(second), b"hello")
        self.proxy.reload(self.config("close"))
        self.assertEqual(second.rest(), b"")
        self.assertEqual(self.says(first), b"hello")

    def test_upgraded_connections_are_closed_and_requests_are_finished(self):
        self.serve("close", "http", count=1)
        slow, tunnel, late = self.client(self.port), self.client(self.port), self.client(self.port)
        self.assertEqual(tunnel.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        self.assertEqual(self.says(tunnel), b"hello")
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        # An upgrade that is requested but not accepted yet is a tunnel too: it would begin at a backend that is down.
        late.send("GET /slow-ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        eventually(lambda: self.proxy.backends()["b0"]["active"] == 3, "all three are under way")
        self.put_down(0)
        self.assertEqual(tunnel.rest(), b"")
        self.assertIn(late.reader.response()["status"], (502, 503))
        self.gate.set()
        self.assertEqual(slow.reader.response()["body"], b"slow")

    def test_a_backend_that_live_traffic_ejects_loses_them_too(self):
        self.serve("close", ejection={"consecutive_errors": 1, "base_time": "1h"})
        first, second = self.connect()
        backends = self.proxy.backends()
        dead = int(backends["b1"]["address"].rsplit(":", 1)[1])
        self.stop_listening(dead)
        eventually(
            lambda: self.connect_quietly() and self.proxy.backends()["b1"]["state"] == "ejected",
            "it refuses, and is ejected",
        )
        self.assertEqual(second.rest(), b"")
        self.assertEqual(self.says(first), b"hello")

    def test_the_kernel_probes_peers_that_vanished_silently(self):
        self.serve(None)
        clients = self.connect()
        weir, backends = self.port, {int(b["address"].rsplit(":", 1)[1]) for b in self.proxy.backends().values()}
        timers = eventually(lambda: keepalive_timers(weir, backends), "weir's sockets are idle")
        self.assertEqual(timers, {"client": 2, "backend": 2})
        self.assertEqual([self.says(client) for client in clients], [b"hello"] * 2)


def keepalive_timers(weir, backends):
    """Counts weir's established sockets that have a keepalive timer; None while one waits for an acknowledgement."""
    found = {"client": 0, "backend": 0}
    with open("/proc/net/tcp") as table:
        next(table)
        for line in table:
            _, local, remote, state, _, timer, *_ = line.split()
            if state != "01":
                continue
            local, remote = int(local.split(":")[1], 16), int(remote.split(":")[1], 16)
            side = "client" if local == weir else "backend" if remote in backends else None
            if side and timer.startswith("01"):
                return None
            if side and timer.startswith("02"):
                found[side] += 1
    return found


if __name__ == "__main__":
    main()
