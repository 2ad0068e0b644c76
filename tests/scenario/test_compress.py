"""Compressed responses: which ones are, what their heads say, and that their bodies arrive whole and in time."""
import gzip
import json
import os
import random
import re
import subprocess
import threading
import zlib

from support.route_errors import route_errors
from support.scenario import TIMEOUT, Scenario, eventually, free_port, main, web

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


class Heads(Compressing):
    def test_each_coding_is_decoded_by_its_own_tool(self):
        self.serve()
        for coding in CODINGS:
            answer = self.ask(coding)
            fields = answer["fields"]
            self.assertEqual((answer["status"], fields["content-encoding"]), (200, coding))
            self.assertEqual((fields["vary"], fields["transfer-encoding"]), ("Accept-Encoding", "chunked"))
            self.assertNotIn("content-length", fields)
            self.assertLess(len(answer["body"]), len(TEXT) // 4)
            self.assertEqual(decode(coding, answer["body"]), TEXT)
        self.assert_plain(self.ask("deflate, compress"))
        self.assertEqual(self.ask("deflate")["fields"]["vary"], "Accept-Encoding")

    def test_curl_reads_what_it_asks_for(self):
        self.serve()
        command = ["curl", "-sS", "--compressed", "-w", "%{size_download}", f"http://127.0.0.1:{self.port}/"]
        out = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout
        self.assertEqual(out[: len(TEXT)], TEXT)
        self.assertLess(int(out[len(TEXT) :]), len(TEXT) // 4)

    def test_the_client_chooses_the_coding_and_then_the_route(self):
        self.serve()
        cases = {
            "gzip, br, zstd": "br",
            "gzip;q=1.0, br;q=0.9": "gzip",
            "gzip, zstd": "zstd",
            "x-gzip": "gzip",
            "GZIP;Q=0.5": "gzip",
            "*": "br",
            "br;q=0, *;q=0.1": "zstd",
            "gzip;q=0": None,
            "identity, gzip;q=0.5": None,
            "identity;q=0, gzip;q=0.001": "gzip",
            "": None,
            "gzip;q=2": None,
            ",;,q=1,;;;": None,
        }
        for field, coding in cases.items():
            self.assertEqual(self.ask(field)["fields"].get("content-encoding"), coding, field)
        answer = self.client(self.port).get("/", extra="Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: br\r\n")
        self.assertEqual(answer["fields"]["content-encoding"], "br")
        self.assert_plain(self.client(self.port).get("/"))
        self.serve(compress={"encodings": ["gzip"], "levels": {"gzip": 9}})
        self.assertEqual(self.ask("br, gzip")["fields"]["content-encoding"], "gzip")
        self.assert_plain(self.ask("br"))

    def test_the_backend_gets_the_field_of_the_client(self):
        self.serve()
        self.ask("br;q=0.3 ,gzip")
        self.assertEqual(self.seen.requests[-1]["fields"]["accept-encoding"], "br;q=0.3 ,gzip")
        self.serve(route={"request_headers": {"remove": ["Accept-Encoding"]}})
        self.assertEqual(self.ask("br")["fields"]["content-encoding"], "br")
        self.assertNotIn("accept-encoding", self.seen.requests[-1]["fields"])

    def test_responses_that_must_stay_as_they_are_do(self):
        heads = {
            "/encoded": ("200 OK", "text/html", "Content-Encoding: x-own\r\n"),
            "/fixed": ("200 OK", "text/html", "Cache-Control: max-age=5, No-Transform\r\n"),
            "/range": ("206 Partial Content", "text/html", f"Content-Range: bytes 0-{len(TEXT) - 1}/9999\r\n"),
            "/events": ("200 OK", "text/event-stream", ""),
            "/image": ("200 OK", "image/png", ""),
            "/untyped": ("200 OK", None, ""),
            "/twice": ("200 OK", "text/html", "Content-Type: image/png\r\n"),
        }

        def script(connection, request):
            status, content_type, extra = heads[request["target"]]
            respond(connection, TEXT, status, content_type, extra)

        self.serve(script)
        client = self.client(self.port)
        for target, (status, _, extra) in heads.items():
            answer = client.get(target, extra=accept("gzip"))
            self.assertEqual(answer["body"], TEXT, target)
            self.assertEqual(answer["fields"]["content-length"], str(len(TEXT)), target)
            self.assertEqual(answer["fields"].get("content-encoding"), "x-own" if target == "/encoded" else None)
            self.assertEqual("vary" in answer["fields"], target == "/range", target)
        self.assert_plain(self.ask("gzip", "/range", "Range: bytes=0-\r\n"))

    def test_small_bodies_and_statuses_without_a_body_stay_as_they_are(self):
        def script(connection, request):
            target = request["target"]
            if target == "/chunked":
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                connection.sendall(head + b"2\r\nok\r\n0\r\n\r\n")
            elif target.startswith("/size"):
                respond(connection, b"x" * int(target[5:]))
            else:
                connection.sendall(f"HTTP/1.1 {target[1:]} x\r\nContent-Type: text/html\r\n".encode() + b"\r\n")

        self.serve(script)
        for size, coding in ((0, None), (1023, None), (1024, "gzip")):
            self.assertEqual(self.ask("gzip", f"/size{size}")["fields"].get("content-encoding"), coding, size)
        self.assertEqual(decode("gzip", self.ask("gzip", "/chunked")["body"]), b"ok")
        for status in (204, 304):
            answer = self.ask("gzip", f"/{status}")
            self.assertEqual((answer["status"], answer["body"]), (status, b""))
            self.assertNotIn("content-encoding", answer["fields"])
        self.serve(script, compress={"min_size": 0})
        self.assertNotIn("content-encoding", self.ask("gzip", "/size0")["fields"])
        self.assertEqual(decode("gzip", self.ask("gzip", "/size1")["body"]), b"x")

    def test_types_are_matched_without_parameters_and_case(self):
        def script(connection, request):
            respond(connection, TEXT, content_type=request["target"][1:])

        self.serve(script, compress={"types": ["application/json", "text/*"]})
        cases = {"application/json": True, "Application/JSON;x=y": True, "TEXT/x": True, "application/jsonx": False}
        for content_type, compressed in {**cases, "image/x": False, "text": False}.items():
            answer = self.ask("gzip", f"/{content_type}")
            self.assertEqual("content-encoding" in answer["fields"], compressed, content_type)
        self.serve(script, compress={"types": ["*/*"]})
        self.assertIn("content-encoding", self.ask("gzip", "/image/png")["fields"])
        self.assertNotIn("content-encoding", self.ask("gzip", "/text/event-stream")["fields"])

    def test_fields_of_the_plain_content_are_replaced(self):
        extra = (
            'ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: x\r\nContent-Digest: x\r\n'
            "Repr-Digest: x\r\nContent-Encoding: identity\r\nVary: Origin\r\nVary: Cookie\r\nX-Kept: 1\r\n"
        )
        self.serve(lambda connection, request: respond(connection, TEXT, extra=extra))
        answer = self.ask()
        self.assertEqual([line for line in answer["lines"] if line.startswith("Vary")][0][:5], "Vary:")
        fields = answer["fields"]
        self.assertEqual((fields["etag"], fields["content-encoding"]), ('W/"v1"', "gzip"))
        self.assertEqual((fields["vary"], fields["x-kept"]), ("Origin, Cookie, Accept-Encoding", "1"))
        for name in ("accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"):
            self.assertNotIn(name, fields)
        self.assertEqual(sum(line.lower().startswith(("vary", "content-encoding")) for line in answer["lines"]), 2)
        plain = self.ask("identity")["fields"]
        self.assertEqual((plain["etag"], plain["accept-ranges"]), ('"v1"', "bytes"))
        self.assertEqual(plain["vary"], "Origin, Cookie, Accept-Encoding")

    def test_vary_names_the_field_only_once(self):
        values = {"/star": "*", "/named": "accept-encoding, Origin", "/other": "X-Accept-Encoding"}
        self.serve(
            lambda connection, request: respond(connection, TEXT, extra=f"Vary: {values[request['target']]}\r\n")
        )
        for target, expected in {**values, "/other": "X-Accept-Encoding, Accept-Encoding"}.items():
            lines = [line for line in self.ask("gzip", target)["lines"] if line.startswith("Vary")]
            self.assertEqual(lines, [f"Vary: {expected}"])
        self.serve(route={"response_headers": {"set": {"Vary": "Origin"}}})
        lines = sorted(line for line in self.ask()["lines"] if line.startswith("Vary"))
        self.assertEqual(lines, ["Vary: Accept-Encoding", "Vary: Origin"])
        self.serve(route={"response_headers": {"add": {"Vary": "Origin, Accept-Encoding"}}})
        lines = [line for line in self.ask()["lines"] if line.startswith("Vary")]
        self.assertEqual(lines, ["Vary: Origin, Accept-Encoding"])

    def test_a_head_request_gets_the_head_of_the_get(self):
        def script(connection, request):
            size = int(request["target"][1:])
            head = f'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: "a"\r\nContent-Length: {size}\r\n\r\n'
            connection.sendall(head.encode() + (b"x" * size if request["method"] == "GET" else b""))

        self.serve(script)
        client = self.client(self.port)
        for size in (5000, 10):
            get = client.get(f"/{size}", extra=accept("gzip"))["fields"]
            head = client.get(f"/{size}", extra=accept("gzip"), method="HEAD")["fields"]
            get.pop("transfer-encoding", None)
            self.assertEqual({**get, "date": ""}, {**head, "date": ""})
            self.assertEqual("content-encoding" in head, size == 5000)

    def test_a_compressed_response_is_revalidated_with_its_weak_validator(self):
        def script(connection, request):
            if '"v1"' in request["fields"].get("if-none-match", ""):
                connection.sendall(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nContent-Length: 4500\r\n\r\n')
            else:
                respond(connection, TEXT, extra='ETag: "v1"\r\n')

        self.serve(script)
        tag = self.ask()["fields"]["etag"]
        answer = self.ask(more=f"If-None-Match: {tag}\r\n")
        self.assertEqual((answer["status"], answer["fields"]["etag"]), (304, 'W/"v1"'))
        self.assertEqual(answer["fields"]["vary"], "Accept-Encoding")
        self.assertNotIn("content-length", answer["fields"])
        answer = self.ask("identity", more='If-None-Match: "v1"\r\n')
        self.assertEqual((answer["fields"]["etag"], answer["fields"]["vary"]), ('"v1"', "Accept-Encoding"))

    def test_old_clients_and_clients_that_refuse_get_plain_bodies(self):
        self.serve()
        client = self.client(self.port).send("GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        answer = client.reader.response()
        self.assert_plain(answer)
        self.assertEqual(answer["fields"]["vary"], "Accept-Encoding")
        self.assert_plain(self.ask(more="Cache-Control: no-transform\r\n"))

    def test_requests_with_credentials_may_be_left_out(self):
        self.serve(compress={"skip_authenticated": True})
        self.assertIn("content-encoding", self.ask()["fields"])
        for more in ("Cookie: a=b\r\n", "Authorization: Basic eDp5\r\n"):
            answer = self.ask(more=more)
            self.assert_plain(answer)
            self.assertEqual(answer["fields"]["vary"], "Accept-Encoding")
        self.serve()
        self.assertIn("content-encoding", self.ask(more="Cookie: a=b\r\n")["fields"])

    def test_a_protocol_switch_is_not_compressed(self):
        def script(connection, request):
            switch = (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\nContent-Type: text/x\r\n\r\n"
            )
            connection.sendall(switch + b"hello")
            connection.recv(1)

        self.serve(script)
        answer = self.ask(more="Connection: Upgrade\r\nUpgrade: x\r\n")
        self.assertEqual(answer["status"], 101)
        self.assertNotIn("vary", answer["fields"])


class Bodies(Compressing):
    def test_pieces_of_a_slow_stream_arrive_when_they_are_sent(self):
        """The backend sends the next piece only once the client has decoded the last one."""
        go_on = threading.Semaphore(0)

        def script(connection, request):
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for n in range(5):
                if not go_on.acquire(timeout=TIMEOUT):
                    return
                line = b'{"piece": %d}\n' % n
                connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            connection.sendall(b"0\r\n\r\n")

        self.serve(script, compress={"types": ["application/x-ndjson"]})
        for coding in CODINGS:
            client = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            head = client.reader.until(b"\r\n\r\n")  # arrives before any piece
            self.assertIn(b"Content-Encoding: " + coding.encode(), head)
            stream, raw = zlib.decompressobj(31), b""
            for n in range(5):
                go_on.release()
                size = int(client.reader.until(b"\r\n"), 16)
                piece = client.reader.exactly(size)
                client.reader.exactly(2)
                raw += piece
                if coding == "gzip":
                    self.assertEqual(stream.decompress(piece), b'{"piece": %d}\n' % n)
            raw += client.reader.chunks()
            self.assertEqual(decode(coding, raw), b"".join(b'{"piece": %d}\n' % n for n in range(5)))

    def test_big_bodies_arrive_whole_and_the_connections_are_reused(self):
        words = [os.urandom(3).hex() for _ in range(500)]
        rng = random.Random(1)
        text = " ".join(rng.choice(words) for _ in range(500_000)).encode()
        bodies = {"/random": os.urandom(4 << 20), "/text": text, "/zeros": bytes(16 << 20)}

        def script(connection, request):
            target, _, how = request["target"].partition("?")
            body = bodies[target]
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n"
            if how == "length":
                return connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if how == "chunked":
                connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(body), 100_000):
                    piece = body[at : at + 100_000]
                    connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                return connection.sendall(b"0\r\n\r\n")
            connection.sendall(head + b"Connection: close\r\n\r\n" + body)
            connection.close()

        self.serve(script)
        for coding in CODINGS:
            client = self.client(self.port)
            for target, body in bodies.items():
                for how in ("length", "chunked", "close"):
                    answer = client.get(f"{target}?{how}", extra=accept(coding))
                    self.assertEqual(answer["fields"]["content-encoding"], coding)
                    self.assertEqual(decode(coding, answer["body"]), body, (coding, target, how))
        self.assertLessEqual(len(self.seen.connections), 1 + 3 * 3)

    def test_a_truncated_body_does_not_look_complete(self):
        ways = {
            "/length": b"Content-Length: 100000\r\n\r\n" + TEXT,
            "/chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(TEXT), TEXT),
            "/malformed": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n" % (len(TEXT), TEXT),
        }
        go_on = threading.Event()

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n" + ways[request["target"][:-2]])
            if request["target"].endswith("?1"):
                go_on.wait(TIMEOUT)
            connection.close()

        self.serve(script)
        for coding in CODINGS:
            for target in ways:
                # The end comes with the data, or after the client has got some of it.
                for wait in (0, 1):
                    go_on.clear()
                    client = self.client(self.port)
                    client.send(f"GET {target}?{wait} HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
                    head = client.reader.until(b"\r\n\r\n")
                    go_on.set()
                    if b" 502 " not in head:  # weir had sent something
                        self.assertFalse(client.rest().endswith(b"0\r\n\r\n"), (coding, target, wait))

    def test_a_client_that_stops_reading_holds_up_no_other_one(self):
        body = os.urandom(8 << 20)
        self.serve(lambda connection, request: respond(connection, body, content_type="text/x"))
        for coding in CODINGS:
            stalled = self.client(self.port, receive_buffer=4096)
            stalled.send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            stalled.reader.until(b"\r\n\r\n")
            before = self.proxy.memory()
            self.assertEqual(decode(coding, self.ask(coding)["body"]), body)
            self.assertLess(self.proxy.memory() - before, 8 << 10)
            self.assertEqual(decode(coding, stalled.reader.chunks()), body)

    def test_a_client_that_leaves_frees_its_backend(self):
        ends = []

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 100000\r\n\r\n" + TEXT)
            ends.append(connection.recv(1))

        self.serve(script)
        for coding in CODINGS:
            ends.clear()
            client = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept(coding)}\r\n")
            client.reader.until(b"\r\n\r\n")
            client.close()
            eventually(lambda: ends == [b""], "the backend hears of the end")

    def test_a_large_response_does_not_keep_the_worker_from_others(self):
        body = os.urandom(64 << 10) * 512  # 32 MiB
        started = threading.Event()

        def script(connection, request):
            if request["target"] == "/small":
                return respond(connection, TEXT)
            started.set()
            respond(connection, body, content_type="text/x")

        self.serve(script, compress={"levels": {"gzip": 9}})
        heavy = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('gzip')}\r\n")
        result = []
        reader = threading.Thread(target=lambda: result.append(heavy.reader.response()))
        reader.start()
        self.addCleanup(reader.join)
        self.assertTrue(started.wait(TIMEOUT))
        client, served = self.client(self.port), 0
        while not result and served < 20:
            self.assertEqual(decode("gzip", client.get("/small", extra=accept("gzip"))["body"]), TEXT)
            served += 1
        self.assertEqual(served, 20)
        eventually(lambda: result, "the large response is whole")
        self.assertEqual(decode("gzip", result[0]["body"]), body)

    def test_encoders_use_a_bounded_amount_of_memory(self):
        """More streams than a worker has memory for are sent plain."""
        count = 140

        def script(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 100000\r\n\r\n" + TEXT)
            connection.recv(1)

        self.serve(script)
        streams = []
        for _ in range(count):
            streams.append(self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('br')}\r\n"))
        heads = [stream.reader.until(b"\r\n\r\n") for stream in streams]
        encoded = [b"Content-Encoding: br" in head for head in heads]
        self.assertEqual(sum(encoded), 128)
        for head in heads:
            self.assertIn(b"\r\nVary: Accept-Encoding", head)
        plain = streams[encoded.index(False)]
        self.assertEqual(plain.reader.exactly(len(TEXT)), TEXT)
        for stream in streams:
            stream.close()
        self.client(self.port)
        eventually(lambda: self.proxy.backends()[self.seen.address]["active"] == 0, "the streams have ended")
        again = self.client(self.port).send(f"GET / HTTP/1.1\r\nHost: a\r\n{accept('br')}\r\n")
        self.assertIn(b"Content-Encoding: br", again.reader.until(b"\r\n\r\n"))


class Operation(Compressing):
    def test_the_access_log_counts_the_bytes_that_were_sent(self):
        self.serve()
        size = len(self.ask()["body"])
        eventually(lambda: re.search(r'"GET / HTTP/1.1" 200 (\d+) ', self.proxy.access_log()), "it is logged")
        self.assertEqual(int(re.search(r'"GET / HTTP/1.1" 200 (\d+) ', self.proxy.access_log())[1]), size)

    def test_a_failed_backend_is_retried_before_a_byte_is_sent(self):
        tries = []

        def script(connection, request):
            tries.append(1)
            if len(tries) == 1:
                return connection.close()
            respond(connection, TEXT)

        self.port = free_port()
        backends = [self.backend(script), self.backend(script)]
        self.weir(web(self.port, backends, more='routes: [{pool: web, compress: {}}]\nretries: {budget: "100%"}'))
        self.assertEqual(decode("gzip", self.ask()["body"]), TEXT)
        self.assertEqual(len(tries), 2)

    def test_a_reload_changes_the_next_response(self):
        self.serve()
        client = self.client(self.port)
        self.assertIn("content-encoding", client.get("/", extra=accept("gzip"))["fields"])
        self.assertEqual(
            self.proxy.reload(self.config.replace('"compress": {}', '"body_size": 0'))["verdict"], "applied"
        )
        answer = client.get("/", extra=accept("gzip"))
        self.assert_plain(answer)
        self.assertNotIn("vary", answer["fields"])

    def test_plans_show_what_changes(self):
        self.serve()
        self.proxy.write(
            self.config.replace('"compress": {}', '"compress": {"encodings": ["gzip"], "min_size": "2KiB"}')
        )
        shown = self.proxy.command("plan", "-c", self.proxy.path, "--admin", f"127.0.0.1:{self.proxy.admin_port}")
        self.assertRegex(shown[1], r"compress.encodings.*\[br, zstd, gzip\].*\[gzip\]")
        self.assertRegex(shown[1], r"compress.min_size.*1KiB.*2KiB")

    def test_settings_without_a_meaning_are_errors(self):
        cases = {
            "event streams are never compressed": {"compress": {"types": ["text/event-stream"]}},
            "is not a media type": {"compress": {"types": ["html"]}},
            "is none of": {"compress": {"encodings": ["deflate"]}},
            "from 1 to 6": {"compress": {"levels": {"br": 11}}},
            "Content-Encoding": {"compress": {}, "response_headers": {"set": {"Content-Encoding": "gzip"}}},
        }
        for words, keys in cases.items():
            self.assertIn(words, route_errors(self, {"pool": "web", **keys}))


if __name__ == "__main__":
    main()
