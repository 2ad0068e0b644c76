"""Clients that begin TLS handshakes and stall: others are served, and the number of open handshakes is limited."""
import contextlib
import socket

from support.scenario import eventually, main
from test_tls import Tls


class Stalling(Tls):
    def test_stalled_handshakes_time_out_and_do_not_delay_others(self):
        self.serve(more="timeouts: {client_header: 4s}")
        stalled = [socket.create_connection(("127.0.0.1", self.port), 20) for _ in range(1000)]
        for one in stalled[::2]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        self.assertIn(" 200 ", self.get(self.connect())[0])
        for one in stalled:
            self.assertEqual(one.recv(1), b"")
            one.close()

    def test_stalled_handshakes_over_the_limit_make_room_for_newcomers(self):
        self.serve(more="limits: {handshakes: 10}\ntimeouts: {client_header: 1m}")
        silent = socket.create_connection(("127.0.0.1", self.port), 20)
        self.addCleanup(silent.close)
        stalled = []
        for _ in range(6):
            for _ in range(5):
                one = socket.create_connection(("127.0.0.1", self.port), 20)
                self.addCleanup(one.close)
                one.sendall(b"\x16\x03\x01\x02\x00\x01")
                stalled.append(one)
            self.assertIn(" 200 ", self.get(self.connect())[0])
        for one in stalled[:10]:  # the oldest
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(one.recv(1), b"")
        for one in (stalled[-1], silent):  # who has said nothing takes no place
            one.setblocking(False)
            with self.assertRaises(BlockingIOError):
                one.recv(1)
        eventually(lambda: self.proxy.access_log().count("tls_handshake_failed") >= 10, "they are logged")
        self.proxy.wait_logged("displaced by a newer handshake: limits.handshakes reached")
        self.assertGreaterEqual(self.failures(), 10)


if __name__ == "__main__":
    main()
