"""Compressed responses: which ones are, what their heads say, and what is configured."""
import re
import subprocess

from support.compressing import CODINGS, TEXT, Compressing, accept, decode, respond
from support.route_errors import route_errors
from support.scenario import TIMEOUT, eventually, free_port, web, main


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

    def test_metrics_count_what_was_compressed(self):
        self.serve()
        for _ in range(3):
            sent = len(self.ask("zstd")["body"])
        self.ask("identity")
        names = {
            "weir_compressed_responses_total": 3,
            "weir_compression_input_bytes_total": 3 * len(TEXT),
            "weir_compression_output_bytes_total": 3 * sent,
        }
        expected = {f'{name}{{encoding="{coding}"}}': 0 for name in names for coding in ("gzip", "br")}
        expected |= {f'{name}{{encoding="zstd"}}': value for name, value in names.items()}

        def counted():
            metrics = self.proxy.metrics()
            return {name: metrics[name] for name in expected}

        eventually(lambda: counted() == expected, "the metrics have what was compressed")

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
