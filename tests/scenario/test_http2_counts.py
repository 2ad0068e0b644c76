"""What operators see of HTTP/2: metrics, the status, the access log and the error log."""
import json

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import eventually, main

JSON = "logging: {level: debug, access: {format: json}}"


class Counts(Http2Scenario):
    def metric(self, name, **labels):
        text = ",".join(f'{key}="{value}"' for key, value in {"listener": "web", **labels}.items())
        return self.proxy.metrics().get(f"{name}{{{text}}}", 0)

    def hanging(self):
        """Starts weir in front of a backend that responds only to /alive."""

        def answer(connection, first, fields, reader):
            if "/alive" in first:
                respond(connection)
            else:
                backend.until_left(connection)

        backend = self.head_backend(answer)
        self.serve(behind=backend, more=JSON)
        return backend

    def lines(self):
        return [json.loads(line) for line in self.proxy.access_log().splitlines()]

    def line(self, reason):
        eventually(lambda: any(line["reason"] == reason for line in self.lines()), f"a line with {reason}")
        (line,) = [line for line in self.lines() if line["reason"] == reason]
        return line

    def test_open_connections_and_streams_are_shown(self):
        backend = self.hanging()
        client, other = self.connect(), self.connect()
        for _ in range(3):
            client.request()
        eventually(lambda: len(backend.heads) == 3, "three requests wait")
        expected = {"connections": 2, "active": 2, "streams": 3, "active_streams": 3}
        eventually(lambda: self.proxy.status()["listeners"][0]["http2"] == expected, "the status has them")
        self.assertEqual(self.metric("weir_http2_active_connections"), 2)
        self.assertEqual(self.metric("weir_http2_active_streams"), 3)
        client.close()
        other.close()
        eventually(lambda: self.metric("weir_http2_active_connections") == 0, "both have ended")
        eventually(lambda: self.metric("weir_http2_active_streams") == 0, "their streams, too")
        self.assertEqual(self.metric("weir_http2_connections_total"), 2)
        self.assertEqual(self.metric("weir_http2_streams_total"), 3)

    def test_requests_are_counted_and_logged_by_version(self):
        self.serve(more=JSON)
        client = self.connect()
        for _ in range(3):
            client.get()
        self.client(self.port).get("/")
        eventually(lambda: self.metric("weir_requests_by_version_total", version="2") == 3, "three of HTTP/2")
        eventually(lambda: self.metric("weir_requests_by_version_total", version="1.1") == 1, "one of HTTP/1.1")
        eventually(lambda: len(self.lines()) == 4, "four lines")
        self.assertEqual([line["http_version"] for line in self.lines()], ["2.0", "2.0", "2.0", "1.1"])

    def test_a_reset_by_the_client_is_counted_and_logged_with_its_request(self):
        backend = self.hanging()
        client = self.connect()
        view = client.request(path="/gone")
        eventually(lambda: len(backend.heads) == 1, "the request waits")
        client.send(h2.rst_stream(view.id, h2.CANCEL))
        line = self.line("client_closed")
        self.assertEqual((line["target"], line["status"], line["http_version"]), ("/gone", 499, "2.0"))
        self.assertEqual(self.metric("weir_http2_resets_total", by="client", reason="cancel"), 1)
        self.assert_serves(client)

    def test_a_malformed_request_is_counted_as_a_reset_by_weir(self):
        self.hanging()
        client = self.connect()
        view = client.take_stream()
        client.send(h2.headers(view.id, h2.block(h2.head("GET", "/", scheme="ftp"))))
        self.assert_stream_error(client, view, {h2.PROTOCOL_ERROR})
        line = self.line("bad_request")
        self.assertEqual((line["status"], line["http_version"]), (400, "2.0"))
        self.assertEqual(self.metric("weir_http2_resets_total", by="weir", reason="protocol_error"), 1)

    def test_a_connection_error_is_logged_once_for_the_connection(self):
        self.hanging()
        client = self.connect()
        client.send(h2.window_update(0, h2.LARGEST_WINDOW))  # over 2^31-1
        self.assert_connection_error(client, {h2.FLOW_CONTROL_ERROR})
        line = self.line("http2_protocol_error")
        self.assertEqual((line["method"], line["target"], line["status"]), ("", "", 400))
        self.assertEqual(line["detail"], "flow_control_error")
        self.assertEqual(self.metric("weir_http2_goaways_total", reason="flow_control_error"), 1)
        self.proxy.wait_logged('connection failed: http2_protocol_error: flow_control_error .*client="127.0.0.1')
        self.assert_serves()

    def test_a_flood_is_logged_once_for_the_connection(self):
        self.hanging()
        client = self.connect()
        while not client.closed:
            client.send(h2.ping() * 1000)
        line = self.line("http2_flood")
        self.assertEqual((line["method"], line["status"]), ("", 400))
        self.assertEqual(self.metric("weir_http2_goaways_total", reason="enhance_your_calm"), 1)
        self.proxy.wait_logged('connection failed: http2_flood: .*client="127.0.0.1')
        self.assertEqual(self.proxy.log().count("http2_flood"), 1)
        self.assert_serves()

    def test_an_orderly_end_is_counted_once(self):
        self.serve(more="timeouts: {client_idle: 100ms}")
        client = self.connect()
        client.get()
        client.wait_closed()
        self.assertEqual([code for _, code in client.goaways], [h2.NO_ERROR])
        eventually(lambda: self.metric("weir_http2_goaways_total", reason="no_error") == 1, "it is counted")


if __name__ == "__main__":
    main()
