"""The contract of heartbeats: no OK for interval × fall is dead, a refused or reset connection is a missed beat at once,
and a responder may take its time."""
import os
import signal
import socket
import sys
import threading
import time

from weir_test import Scenario, eventually, free_port, main, web

RESPONDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "responder.py")


def is_listening(port):
    """Asks the kernel: a connection would cost the responder a pause."""
    with open("/proc/net/tcp") as table:
        return any(f":{port:04X} 00000000:0000 0A" in line for line in table)


def has_connection(port):
    """Whether this end has a connection there: the responder has not answered it yet."""
    with open("/proc/net/tcp") as table:
        return any(line.split()[2:4] == [f"0100007F:{port:04X}", "01"] for line in table)


class Responders(Scenario):
    def responder(self, pause):
        port = free_port()
        process = self.start(sys.executable, RESPONDER, str(port), str(pause))
        eventually(lambda: is_listening(port), "the responder listens")
        return process, port

    def watch(self, port, check, count=1):
        """As many weirs as `count` that ask this responder."""
        check = f"{{type: heartbeat, port: {port}, {check}}}"
        return [self.weir(web(free_port(), [f"127.0.0.1:{free_port()}"], check), workers=1) for _ in range(count)]

    @staticmethod
    def health(weir):
        return next(iter(weir.backends().values()))

    def wait_checks(self, weir, count):
        eventually(lambda: self.health(weir)["checks"] >= count, f"{count} checks", patience=120)


class SlowResponders(Responders):
    def test_a_responder_that_pauses_for_an_interval_after_each_answer_stays_up(self):
        _, alone = self.responder(1)
        _, shared = self.responder(2)
        weirs = self.watch(alone, "interval: 1s") + self.watch(shared, "interval: 2s", count=2)
        for weir in weirs:
            self.wait_checks(weir, 6)
        for weir in weirs:
            self.assertEqual([self.health(weir)[key] for key in ("state", "ejections", "failed_checks")], ["up", 0, 0])

    def test_one_that_pauses_for_longer_than_interval_times_fall_is_down_and_told_what_to_change(self):
        _, port = self.responder(5)
        weir = self.watch(port, "interval: 1s")[0]
        eventually(lambda: self.health(weir)["state"] == "down", "it is down")
        self.assertEqual(self.health(weir)["last_failure"], "no OK for 3s")
        advice = "no OK for 3s; answers take up to 5s: raise interval or fall"
        eventually(lambda: self.health(weir)["last_failure"] == advice, "the advice")
        weir.wait_logged(f"stays down: {advice}")
        with open(weir.path) as f:
            config = f.read()
        weir.reload(config.replace("interval: 1s", "interval: 1s, fall: 12"))
        weir.wait_up(1)
        before = self.health(weir)
        self.wait_checks(weir, before["checks"] + 3)
        self.assertEqual(self.health(weir)["ejections"], before["ejections"])

    def test_the_timeout_bounds_the_connection_attempt_and_not_the_answer(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def respond():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    time.sleep(0.5)
                    connection.sendall(b"OK")

        threading.Thread(target=respond, daemon=True).start()
        weir = self.watch(listener.getsockname()[1], "interval: 2s, timeout: 100ms")[0]
        self.wait_checks(weir, 2)
        last = eventually(lambda: (last := self.health(weir)["last_check"])["result"] == "OK" and last, "an answer")
        self.assertGreaterEqual(last["duration_ms"], 500)
        self.assertEqual([self.health(weir)[key] for key in ("state", "failed_checks")], ["up", 0])

    def test_an_unanswered_heartbeat_stays_outstanding_and_is_not_asked_again(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        asked = []

        def collect():
            while True:
                try:
                    asked.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=collect, daemon=True).start()
        weir = self.watch(listener.getsockname()[1], "interval: 1s, rise: 1")[0]
        eventually(lambda: self.health(weir)["state"] == "down", "it is down")
        self.assertEqual(self.health(weir)["last_failure"], "no OK for 3s")
        self.assertEqual(len(asked), 1)
        asked[0].sendall(b"OK")
        weir.wait_up(1)
        eventually(lambda: len(asked) == 2, "the next one goes out")
        self.assertEqual(self.health(weir)["last_check"]["result"], "OK")


class DeadResponders(Responders):
    def answer_one(self, answer):
        """A responder that ends each connection in its own way."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def respond():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    answer(connection)

        threading.Thread(target=respond, daemon=True).start()
        return listener.getsockname()[1]

    def test_a_connection_that_is_refused_reset_or_closed_is_a_missed_beat_at_once(self):
        def reset(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        ways = {
            "cannot connect: Connection refused": free_port(),
            "no answer: Connection reset by peer": self.answer_one(reset),
            "no answer: End of file": self.answer_one(lambda connection: None),
            "answered something other than OK": self.answer_one(lambda connection: connection.sendall(b"KO")),
        }
        for why, port in ways.items():
            weir = self.watch(port, "interval: 1h, timeout: 10s, fall: 1")[0]  # no deadline comes into it
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

    def test_a_stopped_responder_is_out_by_the_deadline_of_its_last_ok_and_returns_when_it_goes_on(self):
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
        weir.signal(signal.SIGSTOP)
        time.sleep(3)  # not a guess: longer than the window
        weir.signal(signal.SIGCONT)
        before = self.health(weir)["checks"]
        self.wait_checks(weir, before + 2)
        self.assertEqual([self.health(weir)[key] for key in ("state", "ejections")], ["up", 0])


if __name__ == "__main__":
    main()
