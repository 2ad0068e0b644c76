"""Responders to heartbeats, and the processes that ask them."""
import os
import sys

from support.scenario import Scenario, eventually, free_port, web

RESPONDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "responder.py")


def is_listening(port):
    """Asks the kernel whether the port is open, because a connection would cost the responder a pause."""
    with open("/proc/net/tcp") as table:
        return any(f":{port:04X} 00000000:0000 0A" in line for line in table)


def has_connection(port):
    """Returns whether this side has a connection to the port, one that the responder has not answered yet."""
    with open("/proc/net/tcp") as table:
        return any(line.split()[2:4] == [f"0100007F:{port:04X}", "01"] for line in table)


class Responders(Scenario):
    def responder(self, pause):
        port = free_port()
        process = self.start(sys.executable, RESPONDER, str(port), str(pause))
        eventually(lambda: is_listening(port), "the responder listens")
        return process, port

    def watch(self, port, check, count=1):
        """Starts `count` weirs that check this responder."""
        check = f"{{type: heartbeat, port: {port}, {check}}}"
        return [self.weir(web(free_port(), [f"127.0.0.1:{free_port()}"], check), workers=1) for _ in range(count)]

    @staticmethod
    def health(weir):
        return next(iter(weir.backends().values()))

    def wait_checks(self, weir, count):
        eventually(lambda: self.health(weir)["checks"] >= count, f"{count} checks", timeout=120)
