"""Ids of requests: X-Request-Id, traceparent, and where they are shown."""
import json
import re

from support.scenario import Scenario, eventually, free_port, main, web

UUID_V7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class RequestIds(Scenario):
    def serve(self, *routes, more="", **listener):
        self.port = free_port()
        self.seen = self.backend()
        self.proxy = self.weir(
            web(self.port, [self.seen], listener=listener, more=f"routes: {json.dumps(routes)}\n{more}")
        )

    def ask(self, target="/", **headers):
        """Returns what the client and the backend got."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        answer = self.client(self.port).get(target, extra=lines)
        return answer, self.seen.requests[-1]["fields"] if self.seen.requests else None

    def test_each_request_gets_an_id_that_sorts_by_time(self):
        self.serve(request_id=True)
        ids = [self.ask()[1]["x-request-id"] for _ in range(5)]
        for each in ids:
            self.assertRegex(each, f"^{UUID_V7}$")
        self.assertEqual(len(set(ids)), 5)
        times = [each[:13] for each in ids]
        self.assertEqual(times, sorted(times))

    def test_only_a_trusted_proxy_may_name_a_request(self):
        self.serve(request_id=True)
        self.assertRegex(self.ask(X_Request_Id="mine")[1]["x-request-id"], f"^{UUID_V7}$")
        self.serve(request_id=True, trusted_proxies=["127.0.0.0/8"])
        self.assertEqual(self.ask(X_Request_Id="from-the-edge_1")[1]["x-request-id"], "from-the-edge_1")
        for bad in ("", "a b", "x" * 129, 'a"b', "<script>"):
            self.assertRegex(self.ask(X_Request_Id=bad)[1]["x-request-id"], f"^{UUID_V7}$", bad)

    def test_an_id_arrives_once_in_whatever_spelling_it_comes(self):
        self.serve(request_id=True)
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\nx_request_id: b\r\nX-REQUEST-ID: c\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 200)
        lines = [line for line in self.seen.requests[-1]["lines"] if re.match(r"x.request.id:", line, re.I)]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], f"^X-Request-Id: {UUID_V7}$")

    def test_without_request_id_the_header_passes_as_it_is(self):
        self.serve()
        self.assertEqual(self.ask(X_Request_Id="mine")[1]["x-request-id"], "mine")
        self.assertNotIn("x-request-id", self.ask()[1])

    def test_routes_may_use_the_id_without_the_listener(self):
        self.serve(
            {
                "match": {"path": "/a"},
                "pool": "web",
                "request_headers": {"set": {"X-Trace": "{request_id}"}},
                "response_headers": {"set": {"X-Request-Id": "{request_id}"}},
            },
            {"match": {"path": "/b"}, "respond": {"headers": {"X-Id": "id={request_id}"}}},
        )
        answer, seen = self.ask("/a")
        self.assertRegex(seen["x-trace"], f"^{UUID_V7}$")
        self.assertEqual(answer["fields"]["x-request-id"], seen["x-trace"])
        self.assertRegex(self.ask("/b")[0]["fields"]["x-id"], f"^id={UUID_V7}$")

    def test_a_route_that_sets_the_header_itself_wins(self):
        route = {"pool": "web", "request_headers": {"set": {"x-request-id": "own-{request_id}"}}}
        self.serve(route, request_id=True, traceparent=True)
        client = self.client(self.port)
        client.get("/")
        lines = [line for line in self.seen.requests[-1]["lines"] if line.lower().startswith("x-request-id:")]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], f": own-{UUID_V7}$")

    def test_a_trace_is_passed_on_or_begun(self):
        self.serve(traceparent=True)
        seen = self.ask(traceparent=TRACE, tracestate="a=b")[1]
        self.assertEqual((seen["traceparent"], seen["tracestate"]), (TRACE, "a=b"))
        later = TRACE.replace("00-", "cc-", 1) + "-more"
        self.assertEqual(self.ask(traceparent=later)[1]["traceparent"], later)
        begun = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-01$"
        self.assertRegex(self.ask()[1]["traceparent"], begun)
        for bad in (
            "",
            "x",
            TRACE.upper(),
            TRACE + "-x",
            "ff" + TRACE[2:],
            TRACE.replace("b7ad6b7169203331", "0" * 16),
        ):
            seen = self.ask(traceparent=bad, tracestate="a=b")[1]
            self.assertRegex(seen["traceparent"], begun, bad)
            self.assertNotEqual(seen["traceparent"], bad)
            self.assertNotIn("tracestate", seen, bad)

    def test_the_logs_have_the_ids(self):
        self.serve(
            {"match": {"path": "/no"}, "pool": "web", "access": {"deny": ["127.0.0.0/8"]}},
            more="logging: {access: {format: json}}\n",
            request_id=True,
            traceparent=True,
        )
        seen = self.ask(traceparent=TRACE)[1]
        eventually(lambda: "request_id" in self.proxy.access_log(), "the request is logged")
        line = json.loads(self.proxy.access_log().splitlines()[-1])
        self.assertEqual((line["request_id"], line["trace_id"]), (seen["x-request-id"], TRACE[3:35]))
        self.client(self.port).get("/no")
        self.proxy.wait_logged(f'request failed: access_denied.* request_id="{UUID_V7}"')


if __name__ == "__main__":
    main()
