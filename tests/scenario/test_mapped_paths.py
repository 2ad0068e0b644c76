"""Queries that routes change before they are forwarded, and paths that they map back in responses."""
import json

from support.certificates import Authority
from support.scenario import Scenario, free_port, main, web
from support.tls_clients import TlsClient


class Mapped(Scenario):
    def serve(self, *routes, fields=(), listener=None, **pool):
        """Starts weir with a backend that responds with these fields; `{host}` is the Host that it got."""
        self.port, self.fields = free_port(), fields
        self.seen = self.backend(self.answer)
        more = f"routes: {json.dumps(routes)}\n"
        self.proxy = self.weir(web(self.port, [self.seen], listener=listener, more=more, pool=pool))

    def answer(self, connection, request):
        lines = "".join(f"{field}\r\n" for field in self.fields).replace("{host}", request["fields"]["host"])
        connection.sendall(f"HTTP/1.1 302 Found\r\n{lines}Content-Length: 0\r\n\r\n".encode("latin-1"))

    def forwarded(self, target, **request):
        self.client(self.port).get(target, **request)
        return self.seen.requests[-1]["target"]

    def lines(self, target="/shop/x", **request):
        """Returns the fields of the response that the backend sent, as they arrive."""
        sent = {field.split(":")[0].lower() for field in self.fields}
        lines = self.client(self.port).get(target, **request)["lines"]
        return [line for line in lines if line.split(":")[0].lower() in sent]


class Queries(Mapped):
    def test_parameters_are_set_added_and_removed(self):
        query = {"set": {"v": "2"}, "add": {"via": "weir & co"}, "remove": ["admin"]}
        self.serve({"match": {"path_prefix": "/"}, "pool": "web", "rewrite": {"query": query}})
        for sent, got in (
            ("/x", "/x?v=2&via=weir%20%26%20co"),
            ("/x?a=1&&v=1&b=%7e&v=3", "/x?a=1&&v=2&b=%7e&via=weir%20%26%20co"),
            ("/x?%61dmin=1&admin", "/x?v=2&via=weir%20%26%20co"),
            ("/%78/../y?admin=1", "/y?v=2&via=weir%20%26%20co"),
        ):
            self.assertEqual(self.forwarded(sent), got, sent)

    def test_a_query_without_parameters_left_has_no_mark(self):
        self.serve(
            {
                "match": {"path_prefix": "/v1"},
                "pool": "web",
                "rewrite": {"strip_prefix": "/v1", "query": {"remove": ["q"]}},
            },
            {"match": {"path_prefix": "/"}, "pool": "web", "rewrite": {"query": {"remove": ["q"]}}},
        )
        for sent, got in (
            ("/v1/x?q", "/x"),
            ("/v1/x?", "/x?"),
            ("/v1?p", "/?p"),
            ("/x?q=1&q=2", "/x"),
            ("/x?p&q=1&q=2", "/x?p"),
            ("/x?p", "/x?p"),
            ("http://a?q=1", "/"),
        ):
            self.assertEqual(self.forwarded(sent), got, sent)

    def test_variables_and_the_log_show_the_query_as_received(self):
        self.serve(
            {
                "match": {"path_prefix": "/"},
                "pool": "web",
                "rewrite": {"query": {"remove": ["q"]}},
                "request_headers": {"set": {"X-Query": "{query}", "X-Target": "{path_and_query}"}},
            }
        )
        self.assertEqual(self.forwarded("/x?p&q=1"), "/x?p")
        fields = self.seen.requests[-1]["fields"]
        self.assertEqual((fields["x-query"], fields["x-target"]), ("p&q=1", "/x?p&q=1"))
        self.proxy.stop()
        self.assertIn(" /x?p&q=1 ", self.proxy.access_log())

    def test_the_target_of_a_whole_server_is_left_alone(self):
        self.serve({"pool": "web", "rewrite": {"query": {"set": {"v": "2"}}}})
        self.assertEqual(self.forwarded("*", method="OPTIONS"), "*")


class Paths(Mapped):
    SHOP = {
        "match": {"path_prefix": "/shop"},
        "pool": "web",
        "rewrite": {"strip_prefix": "/shop", "add_prefix": "/v1", "map_back": True},
    }

    def test_redirects_and_cookies_get_the_paths_of_the_client(self):
        fields = (
            "Location: /v1/cart?x=/v1/",
            "Content-Location: /v1/y",
            "Refresh: 5; url=/v1/z",
            "Set-Cookie: a=b; Path=/v1/cart; HttpOnly",
            "Set-Cookie: c=d; path=/v1",
            "Set-Cookie: e=f; Path=/",
            "Link: </v1/x>",
        )
        self.serve(self.SHOP, fields=fields)
        self.assertEqual(
            self.lines(),
            [
                "Location: /shop/cart?x=/v1/",
                "Content-Location: /shop/y",
                "Refresh: 5; url=/shop/z",
                "Set-Cookie: a=b; Path=/shop/cart; HttpOnly",
                "Set-Cookie: c=d; path=/shop",
                "Set-Cookie: e=f; Path=/",
                "Link: </v1/x>",
            ],
        )

    def test_a_url_of_the_backend_becomes_a_path(self):
        for host in ("keep", "backend", "app.internal:81"):
            kept = "http://Shop.example:8080" if host == "keep" else ""
            self.serve({**self.SHOP, "host": host}, fields=("Location: http://{host}/v1/x",))
            self.assertEqual(self.lines(host="Shop.example:8080"), [f"Location: {kept}/shop/x"], host)
            self.fields = (f"Location: http://{self.seen.address}/v1/x",)
            self.assertEqual(self.lines(), ["Location: /shop/x"], host)
            self.fields = ("Location: http://other.example/v1/x",)
            self.assertEqual(self.lines(), list(self.fields))

    def test_what_a_trusted_proxy_says_about_the_client_counts(self):
        self.serve(self.SHOP, listener={"trusted_proxies": ["127.0.0.0/8"]})
        told = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n"
        for sent, got in (
            ("http://example.com/v1/x", "/shop/x"),
            ("https://example.com/v1/x", "https://example.com/shop/x"),
            ("http://lb.internal/v1/x", "/shop/x"),
        ):
            self.fields = (f"Location: {sent}",)
            self.assertEqual(self.lines(host="lb.internal", extra=told), [f"Location: {got}"], sent)

    def test_no_redirect_leads_from_https_to_http(self):
        authority = Authority(self.folder())
        listener = {"tls": {"certificates": [authority.issue("a.example")]}}
        self.serve(self.SHOP, fields=("Location: http://{host}/v1/x",), listener=listener)
        client = TlsClient(self, authority, self.port)
        head, _ = client.get(client.connect(), "/shop/x")
        self.assertIn("Location: /shop/x\r\n", head)

    def test_a_client_without_a_host_gets_a_path(self):
        self.serve(self.SHOP, fields=("Location: http://{host}/v1/x",))
        client = self.client(self.port).send("GET /shop/x HTTP/1.0\r\n\r\n")
        self.assertEqual(client.reader.response()["fields"]["location"], "/shop/x")

    def test_changes_of_response_headers_come_after_the_mapping(self):
        edit = {"set": {"Location": "/v1/own"}, "add": {"Set-Cookie": "a=b; Path=/v1"}}
        self.serve({**self.SHOP, "response_headers": edit}, fields=("Location: /v1/x", "Set-Cookie: c=d; Path=/v1"))
        self.assertEqual(
            sorted(self.lines()), ["Location: /v1/own", "Set-Cookie: a=b; Path=/v1", "Set-Cookie: c=d; Path=/shop"]
        )

    def test_the_sticky_cookie_is_not_mapped(self):
        route = {**self.SHOP, "rewrite": {"strip_prefix": "/shop", "map_back": True}}
        self.serve(route, fields=("Set-Cookie: c=d; Path=/",), sticky={"cookie": "who"})
        own, sticky = self.lines()
        self.assertEqual(own, "Set-Cookie: c=d; Path=/shop")
        self.assertRegex(sticky, "^Set-Cookie: who=.*; Path=/;")

    def test_control_bytes_in_a_mapped_value_are_cleaned(self):
        self.serve(self.SHOP, fields=("Location: /v1/a\x01b", "Link: a\x01b"))
        self.assertEqual(self.lines(), ["Location: /shop/a b", "Link: a b"])

    def test_the_cookie_of_a_protocol_switch_is_mapped(self):
        self.serve(self.SHOP)
        self.seen.script = lambda connection, _: connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Set-Cookie: a=b; Path=/v1/\r\n\r\n"
        )
        client = self.client(self.port)
        answer = client.get("/shop/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
        self.assertEqual((answer["status"], answer["fields"]["set-cookie"]), (101, "a=b; Path=/shop"))

    def test_without_map_back_responses_are_left_alone(self):
        fields = ("Location: /v1/x", "Set-Cookie: a=b; Path=/v1")
        rewrite = {"strip_prefix": "/shop", "add_prefix": "/v1"}
        self.serve({**self.SHOP, "rewrite": rewrite}, fields=fields)
        self.assertEqual(self.lines(), list(fields))


if __name__ == "__main__":
    main()
