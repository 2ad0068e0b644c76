"""gRPC through weir: a real server and a real client (python3-grpcio), HTTP/2 on both sides, plain and over TLS."""
import threading
from concurrent import futures

from support.certificates import Authority
from support.grpc_peers import GrpcServer, grpc
from support.scenario import TIMEOUT, Scenario, eventually, free_port, main, read_file, web

LARGE = 16 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", LARGE + 1024),
    ("grpc.max_send_message_length", LARGE + 1024),
    ("grpc.enable_retries", 0),  # what weir does, and nothing else
]


class Service:
    """The methods of /test.Echo; `ended` has the calls whose context the server has seen ending."""

    def __init__(self):
        self.ended, self.hanging, self.left, self.received = [], threading.Event(), None, []

    def methods(self):
        return {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Echo/Upload": grpc.stream_unary_rpc_method_handler(self.upload),
            "/test.Echo/Download": grpc.unary_stream_rpc_method_handler(self.download),
            "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/test.Echo/FailLate": grpc.unary_stream_rpc_method_handler(self.fail_late),
            "/test.Echo/Hang": grpc.unary_unary_rpc_method_handler(self.hang),
        }

    def unary(self, request, context):
        self.left, self.received = context.time_remaining(), list(context.invocation_metadata())
        context.send_initial_metadata((("x-initial", "first"),))
        context.set_trailing_metadata((("x-trailing", "last"), ("x-binary-bin", b"\0\xff\n")))
        return request

    def upload(self, requests, _):
        sizes = [len(one) for one in requests]
        return f"{len(sizes)} {sum(sizes)}".encode()

    def download(self, request, _):
        for number in range(int(request)):
            yield b"%d" % number

    def chat(self, requests, context):
        yield from requests
        context.set_trailing_metadata((("x-trailing", "bye"),))

    def fail(self, request, context):
        context.set_trailing_metadata((("x-trailing", "why"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100% booked, ä")

    def fail_late(self, request, context):
        yield b"one"
        yield b"two"
        context.abort(grpc.StatusCode.DATA_LOSS, "the rest is gone")

    def hang(self, request, context):
        over = threading.Event()
        context.add_callback(over.set)
        self.hanging.set()
        if over.wait(TIMEOUT):
            self.ended.append(request)
        return b""


class Grpc:
    """The tests; each class below has its own kind of connections."""

    def setUp(self):
        super().setUp()
        self.service, self.port = Service(), free_port()
        self.server = self.start_server(self.service.methods())
        self.proxy = self.weir(self.config())
        self.channel = self.open_channel()

    def start_server(self, methods, **keys):
        server = GrpcServer(methods, workers=32, options=OPTIONS, **{**self.server_keys(), **keys})
        self.addCleanup(server.close)
        return server

    def open_channel(self):
        channel = self.make_channel(f"127.0.0.1:{self.port}")
        self.addCleanup(channel.close)
        return channel

    def test_a_unary_call_has_its_metadata_and_trailers(self):
        sent = (("x-one", "1"), ("x-bytes-bin", b"\0\1\2"))
        answer, call = self.channel.unary_unary("/test.Echo/Unary").with_call(b"hello", TIMEOUT, sent)
        self.assertEqual(answer, b"hello")
        self.assertEqual(call.code(), grpc.StatusCode.OK)
        self.assertIn(("x-initial", "first"), call.initial_metadata())
        self.assertLessEqual({("x-trailing", "last"), ("x-binary-bin", b"\0\xff\n")}, set(call.trailing_metadata()))
        self.assertLessEqual(set(sent), set(self.service.received))

    def test_an_empty_message_is_passed_on(self):
        self.assertEqual(self.channel.unary_unary("/test.Echo/Unary")(b"", TIMEOUT), b"")

    def test_a_client_streams_its_requests(self):
        upload = self.channel.stream_unary("/test.Echo/Upload")
        self.assertEqual(upload((b"x" * 1000 for _ in range(500)), TIMEOUT), b"500 500000")
        self.assertEqual(upload(iter(()), TIMEOUT), b"0 0")

    def test_a_server_streams_its_responses(self):
        download = self.channel.unary_stream("/test.Echo/Download")
        self.assertEqual(list(download(b"500", TIMEOUT)), [b"%d" % number for number in range(500)])
        self.assertEqual(list(download(b"0", TIMEOUT)), [])

    def test_each_message_of_a_conversation_arrives_before_the_next_is_sent(self):
        self.converse(50)

    def converse(self, rounds):
        turn, answered = threading.Semaphore(0), []

        def say():
            for number in range(rounds):
                yield b"%d" % number
                turn.acquire()  # until it has been answered

        call = self.channel.stream_stream("/test.Echo/Chat")(say(), TIMEOUT)
        for message in call:
            answered.append(message)
            turn.release()
        self.assertEqual(answered, [b"%d" % number for number in range(rounds)])
        self.assertIn(("x-trailing", "bye"), call.trailing_metadata())

    def test_twenty_streams_share_a_connection(self):
        with futures.ThreadPoolExecutor(20) as pool:
            for done in [pool.submit(self.converse, 20) for _ in range(20)]:
                done.result(TIMEOUT)

    def fails(self, call):
        with self.assertRaises(grpc.RpcError) as failure:
            call()
        return failure.exception

    def test_an_error_of_trailers_only_is_passed_on(self):
        error = self.fails(lambda: self.channel.unary_unary("/test.Echo/Fail")(b"", TIMEOUT))
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(error.details(), "not today: 100% booked, ä")
        self.assertIn(("x-trailing", "why"), error.trailing_metadata())
        error = self.fails(lambda: self.channel.unary_unary("/test.Echo/Missing")(b"", TIMEOUT))
        self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_an_error_after_messages_comes_after_them(self):
        got = []
        error = self.fails(lambda: got.extend(self.channel.unary_stream("/test.Echo/FailLate")(b"", TIMEOUT)))
        self.assertEqual((error.code(), error.details()), (grpc.StatusCode.DATA_LOSS, "the rest is gone"))

    def test_the_server_sees_that_a_call_is_cancelled(self):
        call = self.channel.unary_unary("/test.Echo/Hang").future(b"cancelled", TIMEOUT)
        self.assertTrue(self.service.hanging.wait(TIMEOUT))
        call.cancel()
        eventually(lambda: self.service.ended == [b"cancelled"], "the server sees it")

    def test_the_server_sees_the_deadline_of_a_call(self):
        self.channel.unary_unary("/test.Echo/Unary")(b"", 30)
        self.assertGreater(self.service.left, 0)
        self.assertLessEqual(self.service.left, 31)  # it is rounded up
        error = self.fails(lambda: self.channel.unary_unary("/test.Echo/Hang")(b"late", 0.5))
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        eventually(lambda: self.service.ended == [b"late"], "the server sees it")

    def test_large_messages_pass_both_ways(self):
        message = bytes(range(256)) * (LARGE // 256)
        self.assertEqual(self.channel.unary_unary("/test.Echo/Unary")(message, TIMEOUT), message)

    def test_a_backend_that_is_gone_is_unavailable_until_it_returns(self):
        self.server.close()
        error = self.fails(lambda: self.channel.unary_unary("/test.Echo/Unary")(b"", TIMEOUT))
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        self.server = self.start_server(self.service.methods(), port=self.server.port)

        def answers():
            try:
                return self.channel.unary_unary("/test.Echo/Unary")(b"back", TIMEOUT) == b"back"
            except grpc.RpcError:
                return False

        eventually(answers, "it is back")


class PlainGrpc(Grpc, Scenario):
    def server_keys(self):
        return {}

    def config(self):
        return web(self.port, [self.server], pool={"protocol": "http2"}, listener={"http2": True})

    def make_channel(self, address):
        return grpc.insecure_channel(address, OPTIONS)


class TlsGrpc(Grpc, Scenario):
    def setUp(self):
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("app.example")
        super().setUp()

    def server_keys(self):
        return {"pair": self.pair}

    def config(self):
        pool = {"protocol": "http2", "tls": {"ca": self.authority.root, "server_name": "app.example"}}
        return web(self.port, [self.server], pool=pool, listener={"tls": {"certificates": [self.pair]}})

    def make_channel(self, address):
        credentials = grpc.ssl_channel_credentials(read_file(self.authority.root).encode())
        return grpc.secure_channel(address, credentials, [*OPTIONS, ("grpc.ssl_target_name_override", "app.example")])


if __name__ == "__main__":
    main()
