"""What routes do with requests: redirects, fixed responses, changed paths, and changed headers."""
import json
import re

from support.certificates import Authority
from support.route_errors import route_errors
from support.scenario import Scenario, eventually, free_port, main, web
from support.tls_clients import TlsClient


class Actions(Scenario):
    def serve(self, *routes, listener=None, backends=None):
        self.port = free_port()
        self.seen = self.backend()
        self.proxy = self.weir(self.config(*routes, listener=listener, backends=backends))

    def config(self, *routes, listener=None, backends=None):
        return web(self.port, backends or [self.seen], listener=listener, more=f"routes: {json.dumps(routes)}\n")

    def ask(self, target="/", **request):
        return self.client(self.port).get(target, **request)


class Redirects(Actions):
    def test_a_redirect_fills_in_its_variables(self):
        self.serve(
            {"match": {"hosts": ["www.a.example"]}, "redirect": {"to": "https://a.example{path_and_query}"}},
            {"match": {"path": "/old"}, "redirect": {"to": "/new?from={path}&q={query}", "status": 308}},
            {"match": {"path_prefix": "/self"}, "redirect": {"to": "{scheme}://{host}/x", "status": 301}},
        )
        answer = self.ask("/a//b?c=d", host="www.a.example")
        self.assertEqual((answer["status"], answer["first"]), (302, "HTTP/1.1 302 Found"))
        self.assertEqual(answer["fields"]["location"], "https://a.example/a/b?c=d")
        self.assertEqual(answer["body"], b"302 Found\n")
        self.assertIn("date", answer["fields"])
        answer = self.ask("/old?x")
        self.assertEqual((answer["status"], answer["fields"]["location"]), (308, "/new?from=/old&q=x"))
        answer = self.ask("/self", host="b.example:8080")
        self.assertEqual((answer["status"], answer["fields"]["location"]), (301, "http://b.example/x"))
        self.assertEqual(self.seen.requests, [])

    def test_no_spelling_of_a_path_redirects_to_another_site(self):
        self.serve({"redirect": {"to": "{path_and_query}/"}})
        for target in ("//evil.example", "/.//evil.example", "/x/..//evil.example", "/%2e//evil.example"):
            self.assertEqual(self.ask(target)["fields"]["location"], "/evil.example/", target)

    def test_no_path_redirects_to_another_site_even_if_it_is_not_normalized(self):
        for rules in ("keep_encoded_slashes", "none"):
            self.serve(
                {"match": {"path": "/up"}, "redirect": {"to": "//cdn.example{path}"}},
                {"redirect": {"to": "{path_and_query}"}},
                listener={"path_normalization": rules},
            )
            for target in ("//evil.example/x?//y", "/\\evil.example/x?//y", "/\\/evil.example/x?//y"):
                self.assertEqual(self.ask(target)["fields"]["location"], "/evil.example/x?//y", (rules, target))
            self.assertEqual(self.ask("/")["fields"]["location"], "/")
            self.assertEqual(self.ask("/up")["fields"]["location"], "//cdn.example/up")

    def test_a_redirect_keeps_the_connection_unless_a_body_follows(self):
        self.serve({"match": {"path": "/old"}, "redirect": {"to": "/new"}})
        client = self.client(self.port)
        self.assertEqual(client.get("/old")["status"], 302)
        self.assertEqual(client.get("/old", method="HEAD")["body"], b"")
        self.assertEqual(client.get("/new")["status"], 200)
        client.send("POST /old HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual(client.reader.response()["fields"]["connection"], "close")

    def test_a_redirect_to_the_host_needs_one(self):
        self.serve({"redirect": {"to": "https://{host}{path_and_query}"}})
        client = self.client(self.port).send("GET /evil.example/x HTTP/1.0\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 400)
        client = self.client(self.port).send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.reader.response()["fields"]["location"], "https://a/")

    def test_redirects_are_logged_and_counted_under_their_route(self):
        self.serve({"name": "old", "match": {"path": "/old"}, "redirect": {"to": "/new"}})
        self.ask("/old")
        name = 'weir_requests_total{listener="web",pool="",route="old",code="302"}'
        eventually(lambda: self.proxy.metrics().get(name) == 1, "the redirect is counted")
        eventually(lambda: re.search('"GET /old HTTP/1.1" 302 ', self.proxy.access_log()), "the redirect is logged")


class Responses(Actions):
    def test_a_route_responds_without_a_backend(self):
        html = {"Content-Type": "text/html", "X-Host": "{host}", "X-Query": "{query}"}
        self.serve(
            {"match": {"path": "/healthz"}, "respond": {"body": "ok\n"}},
            {"match": {"path": "/page"}, "respond": {"status": 503, "body": "<p>later", "headers": html}},
            {"match": {"path": "/none"}, "respond": {"status": 204}},
            {"match": {"path": "/empty"}, "respond": {"status": 404}},
        )
        client = self.client(self.port)
        answer = client.get("/healthz")
        self.assertEqual((answer["status"], answer["body"]), (200, b"ok\n"))
        self.assertEqual(answer["fields"]["content-type"], "text/plain; charset=utf-8")
        answer = client.get("/page", host="b.example")
        self.assertEqual(answer["first"], "HTTP/1.1 503 Service Unavailable")
        self.assertEqual((answer["body"], answer["fields"]["content-type"]), (b"<p>later", "text/html"))
        self.assertEqual(answer["fields"]["x-host"], "b.example")
        self.assertNotIn("x-query", answer["fields"])
        answer = client.get("/page", method="HEAD")
        self.assertEqual((answer["body"], answer["fields"]["content-length"]), (b"", "8"))
        answer = client.get("/none")
        self.assertEqual(answer["status"], 204)
        self.assertNotIn("content-length", answer["fields"])
        answer = client.get("/empty")
        self.assertEqual((answer["status"], answer["fields"]["content-length"]), (404, "0"))
        self.assertNotIn("content-type", answer["fields"])
        self.assertEqual(client.get("/other")["status"], 200)

    def test_a_listener_may_have_nothing_but_responses(self):
        self.port = free_port()
        text = f'listeners: {{web: {{address: "127.0.0.1:{self.port}"}}}}\nroutes: [{{respond: {{body: only}}}}]\n'
        self.proxy = self.weir(text + "pools: {}\n")
        self.assertEqual(self.ask()["body"], b"only")

    def test_a_large_response_arrives_whole(self):
        body = "0123456789" * 6_000
        self.serve({"respond": {"body": body}})
        self.assertEqual(self.ask()["body"], body.encode())


class Paths(Actions):
    def test_prefixes_are_stripped_and_added(self):
        self.serve(
            {"match": {"path_prefix": "/v1"}, "pool": "web", "rewrite": {"strip_prefix": "/v1", "add_prefix": "/api"}},
            {"match": {"path_prefix": "/only/"}, "pool": "web", "rewrite": {"strip_prefix": "/only/"}},
            {"match": {"hosts": ["b"]}, "pool": "web", "rewrite": {"add_prefix": "/b"}},
        )
        for sent, host, forwarded in (
            ("/v1/x?y=/v1", "a", "/api/x?y=/v1"),
            ("/v1", "a", "/api/"),
            ("/v1/", "a", "/api/"),
            ("/x/../v1//%78", "a", "/api/x"),
            ("/v1;p/x", "a", "/api/x"),
            ("/only/x", "a", "/x"),
            ("/x", "b", "/b/x"),
            ("/v10", "a", "/v10"),
        ):
            self.ask(sent, host=host)
            self.assertEqual(self.seen.requests[-1]["target"], forwarded, sent)

    def test_a_regular_expression_replaces_its_first_match(self):
        self.serve(
            {
                "match": {"path_prefix": "/old"},
                "pool": "web",
                "rewrite": {"regex": "^/old/([a-z]+)/(.*)", "replace": "/new/$2/$1"},
                "request_headers": {"set": {"X-Path": "{path_and_query}"}},
            }
        )
        self.ask("/old/shoes/17?x=/old/")
        self.assertEqual(self.seen.requests[-1]["target"], "/new/17/shoes?x=/old/")
        self.assertEqual(self.seen.requests[-1]["fields"]["x-path"], "/old/shoes/17?x=/old/")
        self.ask("/old/17")
        self.assertEqual(self.seen.requests[-1]["target"], "/old/17")

    def test_a_retry_sends_the_rewritten_path_again(self):
        rewrite = {"match": {"path_prefix": "/v1"}, "pool": "web", "rewrite": {"strip_prefix": "/v1"}}
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(self.config(rewrite, backends=[f"127.0.0.1:{free_port()}", self.seen]), workers=1)
        for _ in range(4):
            self.assertEqual(self.ask("/v1/x")["status"], 200)
        self.assertEqual({request["target"] for request in self.seen.requests}, {"/x"})
        self.assertGreater(self.proxy.metrics()["weir_retries_total"], 0)

    def test_a_rewritten_path_does_not_climb(self):
        self.serve(
            {"match": {"path_prefix": "/img"}, "pool": "web", "rewrite": {"regex": "^/img/v[0-9]", "replace": "/img/"}},
            {
                "match": {"path_prefix": "/files"},
                "pool": "web",
                "rewrite": {"regex": "^/files/(.*)", "replace": "/public/$1"},
            },
        )
        for target in ("/img/v1../secret", "/img/v1..%3Bx/secret"):
            self.assertEqual(self.ask(target)["status"], 400, target)
        self.proxy.wait_logged("bad_request: the rewritten path has a dot segment")
        for target in ("/files/secret", "/files;x/secret", "/%66iles/secret"):
            self.assertEqual(self.ask(target)["status"], 200)
            self.assertEqual(self.seen.requests[-1]["target"], "/public/secret", target)

    def test_the_path_that_a_pool_hashes_is_not_rewritten(self):
        self.port = free_port()
        pair = [self.backend(name=name) for name in ("one", "two")]
        route = {"match": {"path_prefix": "/tenant"}, "pool": "web", "rewrite": {"regex": "^/tenant/[^/]+"}}
        pool = {"algorithm": "hash", "hash": {"on": "path"}}
        self.proxy = self.weir(web(self.port, pair, pool=pool, more=f"routes: {json.dumps([route])}\n"), workers=1)
        served = {self.ask(f"/tenant/{i}/same")["fields"]["x-backend"] for i in range(40)}
        self.assertEqual(served, {"one", "two"})


class Headers(Actions):
    def test_headers_of_a_response_are_set_added_and_removed(self):
        edit = {
            "set": {"Strict-Transport-Security": "max-age=31536000", "X-Backend": "{backend}"},
            "add": {"Vary": "X-Client", "X-For": "{client_ip} {method} {path}"},
            "remove": ["Server"],
        }
        self.serve({"match": {"path_prefix": "/"}, "pool": "web", "response_headers": edit})
        fields = "Server: x\r\nX-Backend: b\r\nVary: Accept\r\nserver: y\r\nContent-Length: 0\r\n"
        self.seen.script = lambda connection, _: connection.sendall(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
        answer = self.ask("/page?q")
        lines = answer["lines"]
        self.assertEqual(answer["fields"]["strict-transport-security"], "max-age=31536000")
        self.assertEqual(
            [line for line in lines if line.lower().startswith("x-backend")], [f"X-Backend: {self.name()}"]
        )
        self.assertEqual([line for line in lines if line.startswith("Vary")], ["Vary: Accept", "Vary: X-Client"])
        self.assertEqual(answer["fields"]["x-for"], "127.0.0.1 GET /page")
        self.assertNotIn("server", answer["fields"])

    def name(self):
        return next(iter(self.proxy.backends()))

    def test_headers_also_apply_to_responses_of_weir_itself(self):
        hsts = {"set": {"Strict-Transport-Security": "max-age=1"}}
        self.serve(
            {"match": {"path": "/a"}, "redirect": {"to": "/b"}, "response_headers": hsts},
            {"match": {"path": "/b"}, "respond": {"body": "b"}, "response_headers": hsts},
            {"match": {"path": "/c"}, "pool": "web", "response_headers": hsts},
            backends=[f"127.0.0.1:{free_port()}"],
        )
        for target, status in (("/a", 302), ("/b", 200), ("/c", 502)):
            answer = self.ask(target)
            self.assertEqual((answer["status"], answer["fields"]["strict-transport-security"]), (status, "max-age=1"))

    def test_headers_of_a_request_are_added(self):
        add = {"add": {"X-Forwarded-For": "10.9.9.9", "X-Tag": "{method}-{query}"}}
        self.serve({"pool": "web", "request_headers": add})
        self.ask("/?q=1", extra="X-Tag: mine\r\n")
        lines = self.seen.requests[-1]["lines"]
        self.assertIn("X-Tag: mine", lines)
        self.assertIn("X-Tag: GET-q=1", lines)
        self.assertIn("X-Forwarded-For: 10.9.9.9", lines)

    def test_the_host_for_the_backend_can_be_chosen(self):
        self.serve(
            {"match": {"path": "/named"}, "pool": "web", "host": "app.internal:8080"},
            {"match": {"path": "/own"}, "pool": "web", "host": "backend"},
        )
        for target, expected in (("/named", "app.internal:8080"), ("/own", self.seen.address), ("/keep", "a.example")):
            self.ask(target, host="a.example")
            seen = self.seen.requests[-1]["fields"]
            self.assertEqual((seen["host"], seen["x-forwarded-host"]), (expected, "a.example"), target)

    def test_hsts_is_sent_over_tls(self):
        authority = Authority(self.folder())
        pair = authority.issue("a.example")
        hsts = {"set": {"Strict-Transport-Security": "max-age=63072000", "X-Tls": "{tls_version} {tls_cipher}"}}
        self.serve({"pool": "web", "response_headers": hsts}, listener={"tls": {"certificates": [pair]}})
        client = TlsClient(self, authority, self.port)
        head, _ = client.get(client.connect())
        self.assertIn("Strict-Transport-Security: max-age=63072000\r\n", head)
        self.assertIn("X-Tls: TLSv1.3 TLS_AES_128_GCM_SHA256", head)


class Limits(Actions):
    def test_clients_that_a_route_does_not_allow_get_a_403(self):
        self.serve(
            {"name": "in", "match": {"path": "/in"}, "pool": "web", "access": {"allow": ["10.0.0.0/8"]}},
            {"match": {"path": "/out"}, "respond": {"body": "x"}, "access": {"deny": ["10.0.0.0/8", "::/0"]}},
            {
                "match": {"path": "/both"},
                "redirect": {"to": "/"},
                "access": {"allow": ["10.0.0.0/8"], "deny": ["10.9.0.0/16"]},
            },
            listener={"trusted_proxies": ["127.0.0.1"]},
        )
        for target, client, status in (
            ("/in", "10.1.1.1", 200),
            ("/in", "192.0.2.1", 403),
            ("//in", "192.0.2.1", 403),
            ("/out", "192.0.2.1", 200),
            ("/out", "10.1.1.1", 403),
            ("/out", "2001:db8::1", 403),
            ("/both", "10.1.1.1", 302),
            ("/both", "10.9.1.1", 403),
            ("/both", "192.0.2.1", 403),
            ("/other", "192.0.2.1", 200),
        ):
            self.assertEqual(self.ask(target, extra=f"X-Forwarded-For: {client}\r\n")["status"], status, target)
        name = 'weir_failures_total{listener="web",pool="web",route="in",reason="access_denied"}'
        eventually(lambda: self.proxy.metrics().get(name) == 2, "the refusals are counted")
        self.proxy.wait_logged('request failed: access_denied.*client="192.0.2.1".*route="in"')

    def test_a_client_that_its_proxy_does_not_name_is_not_allowed(self):
        self.serve({"pool": "web", "access": {"allow": ["127.0.0.0/8"]}}, listener={"trusted_proxies": ["127.0.0.1"]})
        self.assertEqual(self.ask()["status"], 200)  # the proxy itself
        for fields in (
            'Forwarded: for="x, for=203.0.113.5\r\n',
            'Forwarded:\r\nForwarded: for="x, for=203.0.113.5\r\n',
            'Forwarded: for="x\r\nForwarded: for=127.0.0.1\r\n',
            "X-Forwarded-For: 127.0.0.9, unknown\r\n",
            "X-Forwarded-For: unknown, 127.0.0.1\r\n",
        ):
            self.assertEqual(self.ask(extra=fields)["status"], 403, fields)

    def test_a_route_has_a_limit_of_its_own_for_bodies(self):
        self.port, self.seen = free_port(), self.backend()
        routes = [
            {"match": {"path": "/small"}, "pool": "web", "body_size": "10B"},
            {"match": {"path": "/any"}, "pool": "web", "body_size": 0},
        ]
        more = f"routes: {json.dumps(routes)}\nlimits: {{body_size: 1KiB}}\n"
        self.proxy = self.weir(web(self.port, [self.seen], more=more))
        for target, size, status in (
            ("/small", 10, 200),
            ("/small", 11, 413),
            ("/any", 100_000, 200),
            ("/other", 1024, 200),
            ("/other", 1025, 413),
        ):
            body = "x" * size
            for framing in (
                f"Content-Length: {size}\r\n\r\n{body}",
                f"Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n",
            ):
                client = self.client(self.port).send(f"POST {target} HTTP/1.1\r\nHost: a\r\n{framing}")
                self.assertEqual(client.reader.response()["status"], status, (target, size))


class Mistakes(Actions):
    def test_actions_that_make_no_sense_are_refused_with_a_remedy(self):
        own = {"respond": {"body": "x"}}
        for route, words in (
            ({}, "the route does nothing: write one of pool, split, redirect and respond"),
            ({"pool": "web", **own}, "a route has one of pool, split, redirect and respond"),
            ({"redirect": {}}, '"to" is missing'),
            ({"redirect": {"to": "new"}}, "write a URL"),
            ({"redirect": {"to": "/a b"}}, "percent-encode them"),
            ({"redirect": {"to": "/{pth}"}}, 'unknown variable "pth" (did you mean "path"?)'),
            ({"redirect": {"to": "/{backend}"}}, "{backend} is available only in response_headers"),
            ({"redirect": {"to": "/", "status": 304}}, "a redirect has the status 301, 302, 303, 307 or 308"),
            ({"respond": {"status": 204, "body": "x"}}, "a response with status 204 has no body"),
            ({"respond": {"body": "x" * 70_000}}, "respond.body: at most 64KiB"),
            ({"respond": {"status": 100}}, "respond.status"),
            ({"respond": {"headers": {"X-A": "{backend}"}}}, "{backend} is available only in response_headers"),
            ({"respond": {"headers": {"Content-Length": "1"}}}, "weir sets this header itself"),
            ({"respond": {"headers": {"X-A": "1", "x_a": "2"}}}, 'the same header as "X-A": set one of them'),
            ({**own, "rewrite": {"add_prefix": "/a"}}, "rewrite: has no effect without a pool"),
            ({**own, "host": "backend"}, "host: has no effect without a pool"),
            ({**own, "request_headers": {"remove": ["A"]}}, "request_headers: has no effect without a pool"),
            ({"pool": "web", "rewrite": {}}, "nothing to rewrite"),
            ({"pool": "web", "rewrite": {"strip_prefix": "a"}}, 'a path begins with "/"'),
            ({"pool": "web", "rewrite": {"add_prefix": "/a/"}}, "write the segments to put before the path"),
            ({"pool": "web", "rewrite": {"add_prefix": "/a/../b"}}, 'write "/b"'),
            ({"pool": "web", "rewrite": {"regex": "(", "replace": "/"}}, "RE2 accepts: missing )"),
            ({"pool": "web", "rewrite": {"regex": "a", "replace": "$1"}}, "regex has no group $1"),
            ({"pool": "web", "rewrite": {"replace": "/a"}}, "has no effect without regex"),
            ({"pool": "web", "rewrite": {"regex": "a", "replace": "/a?b"}}, "no spaces, control characters, query"),
            ({"pool": "web", "access": {}}, "access: names no clients"),
            ({"pool": "web", "body_size": "1"}, "body_size"),
            ({"pool": "web", "host": "a b"}, '"a b" is not a host'),
            ({"pool": "web", "response_headers": {"set": {"Date": "x"}}}, "weir sets this header itself"),
            ({"pool": "web", "response_headers": {"add": {"X": "{x}"}}}, 'unknown variable "x"'),
            ({"pool": "web", "request_headers": {"set": {"Host": "x"}}}, "use the route's `host` instead"),
        ):
            self.assertIn(words, route_errors(self, route), route)


if __name__ == "__main__":
    main()
