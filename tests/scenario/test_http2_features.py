"""What routes and pools do, over HTTP/2: one test for each kind of work on a request or a response."""
import base64
import gzip
import json
import os
import re
import subprocess

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import eventually, free_port, main

TEXT = b"The quick brown fox jumps over the lazy dog. " * 200


class Features(Http2Scenario):
    def serve_routes(self, *routes, script=None, more="", **keys):
        self.serve(script, more=f"routes: {json.dumps(routes)}\n{more}", **keys)

    def file(self, text, name="file"):
        path = os.path.join(self.folder(), name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_routes_match_authority_path_method_and_fields(self):
        self.serve_routes(
            {"match": {"hosts": ["b.example"]}, "respond": {"body": "host"}},
            {"match": {"path_prefix": "/api"}, "respond": {"body": "prefix"}},
            {"match": {"methods": ["PUT"]}, "respond": {"body": "method"}},
        )
        client = self.connect()
        self.assertEqual(bytes(client.get(authority="b.example:80").body).strip(), b"host")
        self.assertEqual(bytes(client.get("/api/x").body).strip(), b"prefix")
        self.assertEqual(bytes(client.finish(client.request("PUT")).body).strip(), b"method")
        self.assertEqual(bytes(client.get("/rest").body), b"b /rest")

    def test_redirects(self):
        self.serve_routes(
            {"match": {"path": "/old"}, "redirect": {"to": "{scheme}://{host}/new?{query}", "status": 308}}
        )
        client = self.connect()
        for body in (None, b"with a body"):
            view = client.finish(client.request("POST", "/old?a=b", body=body, authority="a.example"))
            self.assertEqual((view.status, view.fields["location"]), (308, "http://a.example/new?a=b"))
        self.assertEqual(client.get("/other").status, 200)

    def test_redirect_to_https(self):
        self.serve(listener={"redirect_https": True})
        view = self.get("/x?y", authority="a.example")
        self.assertEqual((view.status, view.fields["location"]), (308, "https://a.example/x?y"))

    def test_header_edits(self):
        edits = {"set": {"X-Set": "new"}, "remove": ["X-Remove"], "add": {"X-Add": "more"}}
        self.serve_routes(
            {"pool": "web", "request_headers": edits, "response_headers": edits},
            script=lambda connection, _: respond(connection, extra="X-Set: old\r\nX-Remove: 1\r\nX-Add: one\r\n"),
        )
        view = self.get(more=[("x-set", "old"), ("x-remove", "1"), ("x-add", "one")])
        fields = self.seen.requests[0]["fields"]
        self.assertEqual((fields["x-set"], fields.get("x-remove")), ("new", None))
        added = [line for line in self.seen.requests[0]["lines"] if line.lower().startswith("x-add")]
        self.assertEqual(len(added), 2)
        self.assertEqual((view.fields["x-set"], view.fields.get("x-remove")), ("new", None))
        self.assertEqual(view.fields["x-add"], "one; more")

    def test_compression(self):
        self.serve_routes(
            {"pool": "web", "compress": {}},
            script=lambda connection, _: respond(connection, TEXT, extra="Content-Type: text/html\r\n"),
        )
        view = self.get(more=[("accept-encoding", "gzip")])
        self.assertEqual(view.fields["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(bytes(view.body)), TEXT)
        self.assertEqual(bytes(self.get().body), TEXT)

    def test_basic_auth(self):
        digest = subprocess.run(["openssl", "passwd", "-6", "six"], capture_output=True, text=True, check=True).stdout
        users = self.file(f"ann:{digest}")
        self.serve_routes({"pool": "web", "basic_auth": {"users_file": users}})
        client = self.connect()
        view = client.get()
        self.assertEqual(view.status, 401)
        self.assertIn("basic", view.fields["www-authenticate"].lower())
        word = base64.b64encode(b"ann:six").decode()
        self.assertEqual(client.get(more=[("authorization", f"Basic {word}")]).status, 200)
        self.assertEqual(len(self.seen.requests), 1)

    def test_error_pages(self):
        page = self.file("<p>Sorry.</p>", "page.html")
        self.serve_routes({"pool": "web", "error_pages": {"5xx": page}})
        self.seen.close()
        view = self.get()
        self.assertIn(view.status, (502, 503))
        self.assertEqual(bytes(view.body), b"<p>Sorry.</p>")

    def test_buffered_requests(self):
        self.serve_routes({"pool": "web", "buffer_requests": True, "body_size": "1MiB"})
        client = self.connect()
        view = client.request("POST", body=b"a" * 10_000, end=False)
        client.ping()
        self.assertEqual(self.seen.connections, [])
        client.send_body(view, b"b" * 10_000)
        client.finish(view)
        self.assertEqual(self.seen.requests[0]["body"], b"a" * 10_000 + b"b" * 10_000)
        self.assertEqual(self.seen.requests[0]["fields"]["content-length"], "20000")

    def test_sticky_sessions(self):
        self.serve(pool={"sticky": {}})
        client = self.connect()
        cookie = client.get().fields["set-cookie"].split(";")[0]
        self.assertNotIn("set-cookie", client.get(more=[("cookie", "a=1"), ("cookie", cookie)]).fields)

    def test_request_ids(self):
        self.serve(listener={"request_id": True})
        client = self.connect()
        for _ in range(3):
            client.get()
        self.assertEqual(len({request["fields"]["x-request-id"] for request in self.seen.requests}), 3)

    def test_forwarded_fields(self):
        self.serve()
        forged = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https"), ("forwarded", "for=6.6.6.6")]
        self.get(more=forged, authority="a.example:81")
        fields = self.seen.requests[0]["fields"]
        self.assertEqual((fields["x-forwarded-for"], fields["x-forwarded-proto"]), ("127.0.0.1", "http"))
        self.assertEqual((fields["x-forwarded-host"], fields.get("forwarded")), ("a.example:81", None))

    def test_the_scheme_of_the_client_is_that_of_its_connection(self):
        """What :scheme says is not believed."""
        self.serve()
        self.assertIn(self.get(scheme="https").status, (200, 400))
        for request in self.seen.requests:
            self.assertEqual(request["fields"]["x-forwarded-proto"], "http")

    def test_metrics_and_logs_count_streams(self):
        self.serve(more="logging: {access: {format: json}}")
        client = self.connect()
        for number in range(5):
            client.get(f"/{number}")
        name = 'weir_requests_total{listener="web",pool="web",route="",code="200"}'
        eventually(lambda: self.proxy.metrics().get(name) == 5, "five requests")
        eventually(lambda: self.proxy.access_log().count("\n") == 5, "five lines")
        lines = [json.loads(line) for line in self.proxy.access_log().splitlines()]
        self.assertEqual(sorted(line["target"] for line in lines), [f"/{number}" for number in range(5)])

    def test_a_retry_finds_another_backend(self):
        dead = f"127.0.0.1:{free_port()}"
        self.serve()
        config = re.sub(r"backends: \[", f'backends: ["{dead}", ', self.config)
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        client = self.connect()
        views = [client.request(path=f"/{number}") for number in range(20)]
        client.finish(*views)
        self.assertEqual({view.status for view in views}, {200})

    def test_a_full_queue_holds_streams_back_one_by_one(self):
        self.serve()
        entry = f"{{name: b0, address: {json.dumps(self.seen.address)}, max_connections: 1}}"
        config = re.sub(
            r"backends: \[[^\]]*\]", f"backends: [{entry}]\n    queue: {{max: 100, timeout: 60s}}", self.config
        )
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        client = self.connect()
        views = [client.request(path=f"/{number}") for number in range(50)]
        client.finish(*views)
        self.assertEqual({view.status for view in views}, {200})

    def test_a_mirror_gets_a_copy(self):
        copy = self.backend(name="copy")
        self.serve()
        mirror = {"pool": "web", "mirror": {"pool": "copy"}}
        pools = f"  copy: {{backends: [{copy.address}]}}\n"
        config = self.config + pools + f"routes: {json.dumps([mirror])}\n"
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        client = self.connect()
        client.finish(client.request("POST", body=b"hello", more=[("content-length", "5")]))
        eventually(lambda: copy.requests, "the copy")
        self.assertEqual(copy.requests[0]["body"], b"hello")
        self.assertEqual(client.streams[1].kinds()[0], h2.HEADERS)


if __name__ == "__main__":
    main()
