"""TCP urgent data is passed on in its place like all other bytes, and does not delay what follows."""
import socket

from support.scenario import Scenario, eventually, free_port, main, web


def speak(sock, before, urgent, after):
    """Sends `before`, one urgent byte and `after`."""
    sock.sendall(before)
    sock.send(urgent, socket.MSG_OOB)
    sock.sendall(after)


class Traffic(Scenario):
    def test_urgent_data_stalls_nothing_behind_it(self):
        port, tcp = free_port(), free_port()

        def echo(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            while data := connection.recv(1000):
                connection.send(data, socket.MSG_OOB)

        backend = self.backend(
            lambda connection, _: speak(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"d", b"efghi")
        )
        raw = self.backend()
        raw.serve = echo
        self.weir(
            f'listeners:\n  web: {{address: "127.0.0.1:{port}", pool: web}}\n'
            f'  tcp: {{address: "127.0.0.1:{tcp}", protocol: tcp, pool: raw}}\n'
            f'pools: {{web: {{backends: ["{backend.address}"]}}, raw: {{backends: ["{raw.address}"]}}}}\n'
        )
        client = self.client(port)
        for _ in range(20):
            speak(client.sock, b"GET / HT", b"T", b"P/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.reader.response()["body"], b"abcdefghi")
        client = self.client(tcp)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        for _ in range(20):
            speak(client.sock, b"abc", b"d", b"ef")
            self.assertEqual(client.reader.exactly(6), b"abcdef")

    def test_an_upload_with_urgent_data_arrives_whole(self):
        port, backend = free_port(), self.backend()
        self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(30):
            speak(client.sock, b"a" * 49, b"b", b"c" * 50)
        self.assertEqual(client.reader.response()["body"], (b"a" * 49 + b"b" + b"c" * 50) * 30)


class Control(Scenario):
    def test_the_admin_api_reads_urgent_bytes_in_their_place(self):
        proxy = self.weir(web(free_port(), [self.backend()]))
        client = self.client(proxy.admin_port)
        for _ in range(20):
            speak(client.sock, b"G", b"E", b"T /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.assertEqual(client.reader.response()["status"], 200)

    def test_answers_to_checks_may_have_urgent_bytes(self):
        def beat(connection):
            if connection.recv(1024) == b"heartbeat":
                connection.sendall(b"O")
                connection.send(b"K", socket.MSG_OOB)

        def speaks(connection, _):
            return speak(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nre", b"a", b"dy")

        web_backend, heart = self.backend(speaks), self.backend()
        heart.serve = beat
        check = "interval: 200ms, timeout: 200ms, fall: 15, rise: 1"
        proxy = self.weir(
            f"""listeners: {{web: {{address: "127.0.0.1:{free_port()}", pool: web}}}}
pools:
  web: {{backends: ["{web_backend.address}"], health_check: {{type: http, expect_body: ready, {check}}}}}
  heart: {{backends: ["{heart.address}"], health_check: {{type: heartbeat, {check}}}}}
"""
        )
        for pool in ("web", "heart"):
            proxy.wait_up(1, pool)
            eventually(
                lambda: next(iter(proxy.backends(pool).values()))["passes_in_a_row"] >= 10,
                "ten checks in a row have passed",
            )


if __name__ == "__main__":
    main()
