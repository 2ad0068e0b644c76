"""Routes: what they match, and the spellings of a path that must not get around them."""
import json

from support.route_errors import route_errors
from support.scenario import Scenario, free_port, main, web


class Routes(Scenario):
    def serve(self, routes, listener=None):
        """Serves routes to the pools a, b and c; other requests go to the pool web."""
        self.port = free_port()
        self.rest, self.pools = self.backend(name="web"), {name: self.backend(name=name) for name in "abc"}
        self.proxy = self.weir(self.config(routes, listener))

    def config(self, routes, listener=None):
        pools = "\n".join(f"  {name}: {{backends: [{backend.address}]}}" for name, backend in self.pools.items())
        return web(self.port, [self.rest], listener=listener, more=f"{pools}\nroutes: {json.dumps(routes)}\n")

    def ask(self, target, host="a", method="GET", extra=""):
        """Returns the name of the backend that has answered, or the status if weir has answered itself."""
        answer = self.client(self.port).get(target, host=host, method=method, extra=extra)
        return answer["fields"].get("x-backend", answer["status"])


class Paths(Routes):
    def test_a_prefix_matches_whole_segments(self):
        self.serve([{"match": {"path_prefix": "/v1"}, "pool": "a"}, {"match": {"path_prefix": "/v2/"}, "pool": "b"}])
        for target, expected in (
            ("/v1", "a"),
            ("/v1/", "a"),
            ("/v1/x", "a"),
            ("/v1?q=/v2/", "a"),
            ("/v10", "web"),
            ("/V1", "web"),
            ("/x/v1", "web"),
            ("/v2/x", "b"),
            ("/v2", "web"),
        ):
            self.assertEqual(self.ask(target), expected, target)

    def test_an_exact_path_matches_nothing_below_it(self):
        self.serve([{"match": {"path": "/health"}, "pool": "a"}, {"match": {"path": "/"}, "pool": "b"}])
        for target, expected in (
            ("/health", "a"),
            ("/health?x", "a"),
            ("/health/", "web"),
            ("/healthy", "web"),
            ("/", "b"),
            ("/?q", "b"),
            ("http://a", "b"),
        ):
            self.assertEqual(self.ask(target), expected, target)

    def test_a_regular_expression_is_found_in_the_path(self):
        self.serve(
            [{"match": {"path_regex": "^/u/[0-9]+$"}, "pool": "a"}, {"match": {"path_regex": r"\.php$"}, "pool": "b"}]
        )
        for target, expected in (
            ("/u/17", "a"),
            ("/u/%31%37", "a"),
            ("/u/17/", "web"),
            ("/x/u/17", "web"),
            ("/x/index.php?y", "b"),
            ("/x/index.php/y", "web"),
        ):
            self.assertEqual(self.ask(target), expected, target)

    def test_no_spelling_bypasses_a_route(self):
        self.serve([{"match": {"path_prefix": "/admin"}, "pool": "a"}])
        for target in (
            "/admin",
            "//admin",
            "///admin//x",
            "/./admin",
            "/x/../admin",
            "/x/%2e%2E/admin",
            "/../admin",
            "/%61dmin",
            "/%61%64%6d%69%6e/x",
            "/admin/../admin/",
            "/admin;x",
            "/admin;x=1/y",
            "/;x/admin",
            "/admin/%252e%252e",
            "http://a//admin",
        ):
            self.assertEqual(self.ask(target), "a", target)
        for target in ("/admin/..", "/admin/%2e%2e/", "/ADMIN", "/administrator", "/admin%3Bx"):
            self.assertEqual(self.ask(target), "web", target)
        for target in ("/x/..%2fadmin", "/x/..%5cadmin", "/x\\..\\admin", "/admin%00", "/%zz/admin", "/x/..;/admin"):
            self.assertEqual(self.ask(target), 400, target)

    def test_the_backend_gets_the_normalized_path(self):
        self.serve([{"match": {"path_prefix": "/admin"}, "pool": "a"}])
        for sent, forwarded in (
            ("/x/..//%61dmin/./y?q=//../%zz", "/admin/y?q=//../%zz"),
            ("/admin;x=1/y", "/admin;x=1/y"),
            ("/admin/%40caf%c3%a9", "/admin/%40caf%C3%A9"),
            ("/admin/@a|b", "/admin/@a|b"),
            ("http://a//admin", "/admin"),
        ):
            self.ask(sent)
            self.assertEqual(self.pools["a"].requests[-1]["target"], forwarded)

    def test_the_log_has_the_reason_for_a_refused_path(self):
        self.serve([])
        self.ask("/a%2fb")
        self.proxy.wait_logged("bad_request: an encoded slash or a backslash in the path")

    def test_a_listener_can_keep_encoded_slashes(self):
        self.serve([{"match": {"path_prefix": "/a"}, "pool": "a"}], {"path_normalization": "keep_encoded_slashes"})
        self.assertEqual(self.ask("/a/group%2fproject"), "a")
        self.assertEqual(self.pools["a"].requests[-1]["target"], "/a/group%2Fproject")
        for target in ("/a%2Fx", "/a%5cx", "/a\\x", "/%2fa", "/%2Fa%2f"):
            self.assertEqual(self.ask(target), "a", target)
        for target in ("/x/..%2fa", "/x%2f../a", "/x\\..\\a", "/x%00"):
            self.assertEqual(self.ask(target), 400, target)

    def test_a_listener_can_leave_paths_as_they_are(self):
        self.serve([{"match": {"path_prefix": "/a"}, "pool": "a"}], {"path_normalization": "none"})
        for target, expected in (("/a//..%2f/../b%zz", "a"), ("//a", "web"), ("/%61", "web")):
            self.assertEqual(self.ask(target), expected, target)
        self.assertEqual(self.pools["a"].requests[-1]["target"], "/a//..%2f/../b%zz")


class Conditions(Routes):
    def test_the_first_route_whose_conditions_hold_serves_a_request(self):
        self.serve(
            [
                {"match": {"path_prefix": "/api", "methods": ["POST", "PUT"]}, "pool": "a"},
                {"match": {"path_prefix": "/api", "headers": {"X-Beta": "1"}}, "pool": "b"},
                {"match": {"query": {"v": "2"}}, "pool": "c"},
            ]
        )
        for expected, request in (
            ("a", {"target": "/api/x", "method": "POST", "extra": "Content-Length: 0\r\n"}),
            ("b", {"target": "/api/x", "extra": "x-beta: 1\r\n"}),
            ("web", {"target": "/api/x", "extra": "X-Beta: 2\r\n"}),
            ("c", {"target": "/api/x?a&v=2"}),
            ("c", {"target": "/?v=%32"}),
            ("web", {"target": "/?v=22"}),
            ("web", {"target": "/apis", "method": "POST", "extra": "Content-Length: 0\r\n"}),
        ):
            self.assertEqual(self.ask(**request), expected, request)

    def test_hosts_are_compared_without_case_port_and_dot(self):
        self.serve([{"match": {"hosts": ["api.example", "*.app.example"]}, "pool": "a"}])
        for host in ("api.example", "API.Example", "api.example:8080", "api.example.", "x.App.example.:80"):
            self.assertEqual(self.ask("/", host=host), "a", host)
        for host in ("api.example.net", "xapi.example", "app.example"):
            self.assertEqual(self.ask("/", host=host), "web", host)

    def test_clients_are_those_that_trusted_proxies_name(self):
        routes = [{"match": {"clients": ["10.0.0.0/8", "2001:db8::/32"]}, "pool": "a"}]
        self.serve(routes, {"trusted_proxies": ["127.0.0.1"]})
        for client, expected in (("10.1.2.3", "a"), ("2001:db8::7", "a"), ("11.1.2.3", "web")):
            self.assertEqual(self.ask("/", extra=f"X-Forwarded-For: {client}\r\n"), expected)
        self.proxy.reload(self.config(routes))
        self.assertEqual(self.ask("/", extra="X-Forwarded-For: 10.1.2.3\r\n"), "web")

    def test_a_reload_changes_conditions(self):
        self.serve([{"match": {"methods": ["POST"]}, "pool": "a"}])
        self.assertEqual(self.ask("/"), "web")
        report = self.proxy.reload(self.config([{"match": {"methods": ["POST", "GET"]}, "pool": "a"}]))
        self.assertEqual(report["verdict"], "applied")
        self.assertEqual(self.ask("/"), "a")


class Mistakes(Routes):
    def test_what_no_request_can_match_is_refused_with_a_remedy(self):
        for match, words in (
            ({"path": "a"}, 'match.path: a path begins with "/"'),
            ({"path_prefix": "//a/"}, 'paths are normalized before they are matched: write "/a/"'),
            ({"path": "/%61/ b"}, 'write "/a/%20b"'),
            ({"path": "/a?b"}, "use match.query to match parameters"),
            ({"path": "/a%zz"}, "an invalid percent-encoding in the path: no request matches it"),
            ({"path": "/a", "path_prefix": "/a"}, "`path` already gives the exact path: remove path or path_prefix"),
            ({"path_regex": "("}, "not a regular expression that RE2 accepts: missing )"),
            ({"methods": ["get"]}, "methods[0]: methods are case-sensitive: write them in upper case, such as GET"),
            ({"methods": ["GE T"]}, '"GE T" is not a method'),
            ({"headers": {"Host": "a"}}, "use match.hosts to match the host"),
            ({"headers": {"X-A": ""}}, 'write "*" for any value'),
            ({"headers": {"a b": "c"}}, '"a b" is not a header name'),
            ({"clients": ["10.0.0.1/33"]}, "clients[0]"),
            ({"path_prefx": "/a"}, 'unknown key "path_prefx" (did you mean "path_prefix"?)'),
        ):
            self.assertIn(words, route_errors(self, {"pool": "web", "match": match}), match)


if __name__ == "__main__":
    main()
