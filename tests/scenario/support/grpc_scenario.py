"""A weir that carries calls of gRPC over HTTP/2, in front of HTTP/1.1 backends that answer without trailers."""
import json
import sys
from concurrent import futures

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario
from support.scenario import eventually

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-grpcio
import grpc  # noqa: E402

JSON_LOG = "logging: {access: {format: json}}\n"
CALL = [("content-type", "application/grpc"), ("te", "trailers")]
MESSAGE = b"\0\0\0\0\0"  # an empty message in its frame


def answers(status, more=""):
    """Returns the script of a backend that ends each call with this status."""

    def script(connection, _request):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: {status}\r\n{more}"
        connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())

    return script


def trails(status):
    """Returns the script of a backend that ends each call with a message, and this status in the trailers."""

    def script(connection, _request):
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"5\r\n" + MESSAGE + f"\r\n0\r\ngrpc-status: {status}\r\n\r\n".encode())

    return script


class GrpcScenario(Http2Scenario):
    more_pools = ""  # lines of further pools

    def serve_calls(self, script=None, routes=(), more="", **keys):
        routes = f"routes: {json.dumps(list(routes))}\n" if routes else ""
        self.serve(script, more=routes + JSON_LOG + more, **keys)

    def start_proxy(self, config, workers):
        self.config = config.replace("pools:\n", "pools:\n" + self.more_pools)
        return super().start_proxy(self.config, workers)

    def begin_call(self, client, path="/shop.Cart/Add", more=(), body=MESSAGE, end=True):
        return client.request("POST", path, body=body, end=end, more=[*CALL, *more])

    def call(self, path="/shop.Cart/Add", **keys):
        """Calls a method on a connection of its own. Returns the view of the stream."""
        client = self.connect()
        view = client.finish(self.begin_call(client, path, **keys))
        client.close()
        return view

    def assert_call_error(self, view, status, message=None):
        """The stream has got a status of gRPC in a single HEADERS frame, and nothing else."""
        self.assertEqual((view.status, view.fields["content-type"]), (200, "application/grpc"))
        self.assertEqual(view.fields["grpc-status"], str(status))
        self.assertIsNone(view.trailers)
        self.assertEqual([(kind, flags & h2.END_STREAM) for kind, flags, _ in view.frames[:1]], [(h2.HEADERS, 1)])
        if message is not None:
            self.assertEqual(view.fields["grpc-message"], message)

    def line(self, number=0):
        """Returns a line of the access log; waits until there is one."""

        def find():
            lines = self.proxy.access_log().rpartition("\n")[0].splitlines()
            return len(lines) > number and json.loads(lines[number])

        return eventually(find, f"line {number} of the access log")

    def real_server(self, **methods):
        """Starts a server of gRPC with these methods of shop.Cart; returns its address."""
        server = grpc.server(futures.ThreadPoolExecutor(8))
        handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Cart", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(server.stop, None)
        return f"127.0.0.1:{port}"

    def stub(self, path="/shop.Cart/Add"):
        """Returns a method of a real client, which sends and returns bytes."""
        options = [("grpc.enable_http_proxy", 0)]
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=options)
        self.addCleanup(channel.close)
        return channel.unary_unary(path)

    def failed_call(self, stub, **keys):
        """Returns the error of a call."""
        with self.assertRaises(grpc.RpcError) as caught:
            stub(b"", **keys)
        return caught.exception
