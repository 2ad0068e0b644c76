"""A weir with a JSON access log, and helpers to check reasons of failures. Standard library only."""
import json
import socket

from support.scenario import Scenario, eventually, free_port, web

JSON = "logging: {access: {format: json}}\n"


def says(answer):
    """Returns a script for a backend that answers with these bytes and closes."""

    def script(connection, _request):
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def hangs(connection, _request):
    connection.recv(1)


class ReasonScenario(Scenario):
    def start(self, backends, more="", listeners="", **kwargs):
        self.port = free_port()
        self.proxy = self.weir(
            web(self.port, backends, more=JSON + more) if not listeners else listeners + JSON + more,
            workers=1,
            **kwargs,
        )

    def lines(self):
        """Returns the complete lines of the access log."""
        return [json.loads(line) for line in self.proxy.access_log().rpartition("\n")[0].splitlines()]

    def line(self, number=0):
        return eventually(
            lambda: len(self.lines()) > number and self.lines()[number], f"line {number} of the access log"
        )

    def counted(self, reason, pool="web", count=1, listener="web"):
        key = f'weir_failures_total{{listener="{listener}",pool="{pool}",route="",reason="{reason}"}}'
        eventually(lambda: self.proxy.metrics().get(key) == count, f"{key} is {count}")

    def last_error(self):
        """Returns the newest error of the first backend; waits until there is one."""
        return eventually(lambda: next(iter(self.proxy.backends().values()))["last_errors"], "an error")[0]

    def ask(self, request="GET /x?y HTTP/1.1\r\nHost: shop\r\n\r\n"):
        client = self.client(self.port)
        client.send(request)
        return client.reader.until(b"\r\n\r\n") or b""
