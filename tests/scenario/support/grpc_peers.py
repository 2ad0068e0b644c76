"""A real gRPC server (Debian's python3-grpcio), whose messages are plain bytes."""
import sys
from concurrent import futures

from support.scenario import free_port, read_file

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-grpcio
import grpc  # noqa: E402

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = 0, 1, 2, 3


def health_response(status):
    """Returns a HealthCheckResponse: one enum in field 1, which is left out if it is 0."""
    return bytes([0x08, status]) if status else b""


def service_of(health_request):
    """Returns the service that a HealthCheckRequest names: one string in field 1."""
    if not health_request:
        return ""
    assert health_request[0] == 0x0A and health_request[1] == len(health_request) - 2, health_request
    return health_request[2:].decode()


class GrpcServer(grpc.GenericRpcHandler):
    """Serves the methods of `methods`: path -> grpc.RpcMethodHandler. With `pair`, it speaks TLS."""

    def __init__(self, methods, pair=None, port=None, workers=4, options=()):
        self.methods = methods
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.server = grpc.server(futures.ThreadPoolExecutor(workers), handlers=(self,), options=options)
        if pair:
            key, cert = read_file(pair["key"]).encode(), read_file(pair["cert"]).encode()
            self.server.add_secure_port(self.address, grpc.ssl_server_credentials([(key, cert)]))
        else:
            self.server.add_insecure_port(self.address)
        self.server.start()

    def service(self, details):
        return self.methods.get(details.method)

    def close(self):
        self.server.stop(None).wait()


class HealthServer(GrpcServer):
    """Answers grpc.health.v1.Health/Check with `status[service]`; `calls` has what it has been asked."""

    def __init__(self, status=None, **kwargs):
        self.status, self.calls, self.details = status or {"": SERVING}, [], None
        check = grpc.unary_unary_rpc_method_handler(self.check)
        super().__init__({"/grpc.health.v1.Health/Check": check}, **kwargs)

    def check(self, request, context):
        service = service_of(request)
        self.calls.append(
            {"service": service, "left": context.time_remaining(), "metadata": dict(context.invocation_metadata())}
        )
        if self.details:
            context.abort(*self.details)
        if service not in self.status:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_response(self.status[service])
