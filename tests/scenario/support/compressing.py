"""A weir that compresses, in front of a backend."""
import gzip
import json
import subprocess

from support.scenario import TIMEOUT, Scenario, free_port, web

TEXT = ("The quick brown fox jumps over the lazy dog. " * 100).encode()
CODINGS = ("gzip", "br", "zstd")


def decode(coding, data):
    if coding == "gzip":
        return gzip.decompress(data)
    tool = {"br": "brotli", "zstd": "zstd"}[coding]
    return subprocess.run([tool, "-dc"], input=data, capture_output=True, check=True, timeout=TIMEOUT).stdout


def respond(connection, body, status="200 OK", content_type="text/html; charset=utf-8", extra=""):
    """Sends a response with the usual head. `content_type` may be None."""
    named = f"Content-Type: {content_type}\r\n" if content_type else ""
    head = f"HTTP/1.1 {status}\r\n{named}{extra}Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def accept(coding, more=""):
    return f"Accept-Encoding: {coding}\r\n{more}"


class Compressing(Scenario):
    def serve(self, script=None, compress=None, route=None, pool=None, more="", workers=1):
        """Starts weir in front of a backend that runs `script`; by default, it sends TEXT."""
        self.port = free_port()
        self.seen = self.backend(script or (lambda connection, request: respond(connection, TEXT)))
        route = {"pool": "web", "compress": compress or {}, **(route or {})}
        self.config = web(self.port, [self.seen], pool=pool, more=f"routes: {json.dumps([route])}\n{more}")
        self.proxy = self.weir(self.config, workers=workers)

    def ask(self, coding="gzip", target="/", more="", **request):
        return self.client(self.port).get(target, extra=accept(coding, more), **request)

    def assert_plain(self, answer, body=TEXT):
        self.assertNotIn("content-encoding", answer["fields"])
        self.assertEqual(answer["body"], body)
