"""The contract of heartbeats: a backend without an OK for interval × fall is down, a refused or reset connection counts
as a missed beat at once, and a responder may take its time."""
import signal
import socket
import time

from support.responders import Responders, has_connection
from support.scenario import eventually, free_port, main, web


class SlowResponders(Responders):
    def test_a_responder_that_pauses_for_an_interval_after_each_ok_stays_up(self):
        _, alone = self.responder(1)
        _, shared = self.responder(2)
        weirs = self.watch(alone, "interval: 1s") + self.watch(shared, "interval: 2s", count=2)
        for weir in weirs:
            self.wait_checks(weir, 6)
        for weir in weirs:
            self.assertEqual([self.health(weir)[key] for key in ("state", "ejections", "failed_checks")], ["up", 0, 0])

    def test_a_pause_over_interval_times_fall_is_down_with_advice(self):
        """The log says which setting to change."""
        _, port = self.responder(5)
        listener, backend = free_port(), f"127.0.0.1:{free_port()}"
        check = {"type": "heartbeat", "port": port, "interval": "1s"}
        weir = self.weir(web(listener, [backend], check), workers=1)
        eventually(lambda: self.health(weir)["state"] == "down", "it is down")
        self.assertEqual(self.health(weir)["last_failure"], "no OK for 3s")
        advice = "no OK for 3s; answers take up to 5s: raise interval or fall"
        eventually(lambda: self.health(weir)["last_failure"] == advice, "the advice")
        weir.wait_logged(f"stays down: {advice}")
        weir.reload(web(listener, [backend], {**check, "fall": 12}))
        weir.wait_up(1)
        before = self.health(weir)
        self.wait_checks(weir, before["checks"] + 3)
        self.assertEqual(self.health(weir)["ejections"], before["ejections"])

    def test_the_timeout_bounds_the_connection_attempt_and_not_the_answer(self):
        responder = self.raw_backend(lambda connection: (time.sleep(0.5), connection.sendall(b"OK")))
        weir = self.watch(responder.port, "interval: 2s, timeout: 100ms")[0]
        self.wait_checks(weir, 2)
        last = eventually(lambda: (last := self.health(weir)["last_check"])["result"] == "OK" and last, "an answer")
        self.assertGreaterEqual(last["duration_ms"], 500)
        self.assertEqual([self.health(weir)[key] for key in ("state", "failed_checks")], ["up", 0])

    def test_an_unanswered_heartbeat_stays_outstanding_and_is_not_repeated(self):
        responder = self.raw_backend(lambda _: responder.closed.wait())
        asked = responder.connections
        weir = self.watch(responder.port, "interval: 1s, rise: 1")[0]
        eventually(lambda: self.health(weir)["state"] == "down", "it is down")
        self.assertEqual(self.health(weir)["last_failure"], "no OK for 3s")
        self.assertEqual(len(asked), 1)
        asked[0].sendall(b"OK")
        weir.wait_up(1)
        eventually(lambda: len(asked) == 2, "the next one goes out")
        self.assertEqual(self.health(weir)["last_check"]["result"], "OK")


class DeadResponders(Responders):
    def answer_one(self, answer):
        """Returns the port of a responder that ends each connection with `answer`."""
        return self.raw_backend(lambda connection: (connection.recv(1024), answer(connection))).port

    def test_a_refused_reset_or_closed_connection_is_a_missed_beat_at_once(self):
        def reset(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        ways = {
            "cannot connect: Connection refused": free_port(),
            "no answer: Connection reset by peer": self.answer_one(reset),
            "no answer: End of file": self.answer_one(lambda connection: None),
            "answered something other than OK": self.answer_one(lambda connection: connection.sendall(b"KO")),
        }
        for why, port in ways.items():
            weir = self.watch(port, "interval: 1h, timeout: 10s, fall: 1")[0]  # far from any deadline
            eventually(lambda: self.health(weir)["state"] == "down", f"down: {why}")
            self.assertEqual(self.health(weir)["last_failure"], why)
            self.assertEqual(weir.stop(), 0)

    def test_a_killed_responder_is_out_though_a_heartbeat_is_in_its_queue(self):
        process, port = self.responder(3600)
        weir = self.watch(port, "interval: 4s, fall: 1000, rise: 1")[0]
        weir.wait_up(1)
        eventually(lambda: has_connection(port), "the next heartbeat waits for an answer")
        process.kill()
        eventually(lambda: self.health(weir)["failures_in_a_row"] == 1, "the reset is a missed beat at once")
        self.assertEqual(self.health(weir)["last_failure"], "no answer: Connection reset by peer")

    def test_a_stopped_responder_is_down_by_its_deadline_and_returns(self):
        """The deadline counts from its last OK; it returns when the process continues."""
        process, port = self.responder(0)
        weir = self.watch(port, "interval: 1s, fall: 2, rise: 2")[0]
        weir.wait_up(1)
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: self.health(weir)["state"] == "down", "it is down")
        self.assertEqual(self.health(weir)["last_failure"], "no OK for 2s")
        process.send_signal(signal.SIGCONT)
        weir.wait_up(1)

    def test_a_weir_that_was_stopped_itself_puts_no_backend_out(self):
        _, port = self.responder(0)
        weir = self.watch(port, "interval: 1s, fall: 2")[0]
        weir.wait_up(1)
        weir.suspend(3)  # longer than the 2 s that a responder has
        before = self.health(weir)["checks"]
        self.wait_checks(weir, before + 2)
        self.assertEqual([self.health(weir)[key] for key in ("state", "ejections")], ["up", 0])


if __name__ == "__main__":
    main()
