"""HTTP health checks with their own host, headers, method, body and port."""
from support.scenario import Scenario, eventually, free_port, main, web

CHECK = "{type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 15, rise: 1, %s}"


class HttpChecks(Scenario):
    def watch(self, answer, check, pool=""):
        """Starts weir with a backend that answers each probe with the bytes of `answer(request)`."""
        self.asked = []

        def script(connection, request):
            if request["target"] == "/healthz":
                self.asked.append(request)
            connection.sendall(answer(request))

        self.behind = self.backend(script)
        self.proxy = self.weir(web(free_port(), [self.behind], CHECK % check, pool))

    def health(self):
        return next(iter(self.proxy.backends().values()))

    def wait_result(self, result, state):
        eventually(
            lambda: self.health()["state"] == state and self.health()["last_check"]["result"] == result,
            f"{state}: {result}",
        )

    def test_the_request_is_sent_as_configured(self):
        self.watch(
            lambda r: b"HTTP/1.1 204 Fine\r\n\r\n",
            'method: OPTIONS, host: "shop.example.com", headers: {X-Probe: "1", User-Agent: mine}',
        )
        self.proxy.wait_up(1)
        request = self.asked[0]
        self.assertEqual(request["method"], "OPTIONS")
        fields = {name: request["fields"][name] for name in ("host", "x-probe", "user-agent", "connection")}
        self.assertEqual(
            fields, {"host": "shop.example.com", "x-probe": "1", "user-agent": "mine", "connection": "close"}
        )

    def test_a_virtual_host_that_is_checked_by_its_name_is_up(self):
        def answer(request):
            known = request["fields"]["host"] == "shop.example.com"
            return f"HTTP/1.1 {'200 OK' if known else '421 Misdirected'}\r\nContent-Length: 0\r\n\r\n".encode()

        self.watch(answer, "host: shop.example.com")
        self.proxy.wait_up(1)

    def test_the_host_of_a_check_is_the_configured_name_and_the_probed_port(self):
        asked = []

        def script(connection, request):
            asked.append((request["target"], request["fields"]["host"]))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        backend, health = self.backend(script), self.backend(script)
        entry = {"name": "b", "address": f"localhost:{backend.port}", "health_check_port": health.port}
        proxy = self.weir(web(free_port(), [entry], CHECK % "method: GET"))
        eventually(lambda: "up" in proxy.states(), "it is up")
        self.assertEqual(set(asked), {("/healthz", f"localhost:{health.port}")})

    def test_a_port_that_changes_concerns_its_backend_alone(self):
        sick = self.backend(
            lambda connection, request: connection.sendall(b"HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n")
        )
        one, two, port = self.backend(name="one"), self.backend(name="two"), free_port()

        def config(checked):
            return web(port, [one.entry(health_check_port=checked.port), two.entry()], CHECK % "method: GET")

        proxy = self.weir(config(one))
        proxy.wait_up(2)
        before = proxy.backends()["two"]
        proxy.reload(config(sick))
        after = proxy.backends()["two"]
        self.assertEqual([b["state"] for b in proxy.backends().values()], ["up", "up"])  # until checks say otherwise
        self.assertGreaterEqual(after["passes_in_a_row"], before["passes_in_a_row"])
        eventually(lambda: proxy.states() == ["down", "up"], "the port is another")

    def test_a_head_is_answered_without_a_body(self):
        self.watch(lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "method: HEAD")
        self.proxy.wait_up(1)
        self.assertEqual({r["method"] for r in self.asked}, {"HEAD"})

    def test_a_body_with_a_length_must_contain_the_text(self):
        self.body = b'{"ready": false}'
        self.watch(
            lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(self.body), self.body),
            "expect_body: '\"ready\": true'",
        )
        self.wait_result("status 200, but the body does not contain expect_body", "down")
        self.body = b'{"name": "b", "ready": true}'
        self.wait_result("status 200", "up")

    def test_a_text_is_found_over_the_borders_of_chunks(self):
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (b"all is re", b"a", b"dy here"))
        self.watch(
            lambda r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
            "expect_body: is ready",
        )
        self.proxy.wait_up(1)

    def test_a_body_that_ends_with_the_connection_is_searched(self):
        def answer(request):
            self.behind.connections[-1].sendall(b"HTTP/1.0 200 OK\r\n\r\nready")
            raise OSError("closes")

        self.watch(answer, "expect_body: ready")
        self.proxy.wait_up(1)

    def test_the_first_64_kib_of_a_body_are_searched(self):
        self.before = 64 * 1024 - 5
        self.watch(
            lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
            + (b" " * self.before + b"ready").ljust(100000),
            "expect_body: ready",
        )
        self.proxy.wait_up(1)
        self.before += 1
        self.wait_result("status 200, but the first 64KiB of the body do not contain expect_body", "down")

    def test_a_check_passes_once_the_text_arrived_before_the_body_ends(self):
        self.watch(
            lambda r: b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nready, and more to come", "expect_body: ready"
        )
        self.proxy.wait_up(1)

    def test_the_status_counts_before_the_body(self):
        self.watch(lambda r: b"HTTP/1.1 500 Sick\r\nContent-Length: 5\r\n\r\nready", "expect_body: ready")
        self.wait_result("status 500", "down")

    def test_a_body_that_breaks_off_is_a_failure(self):
        def answer(request):
            self.behind.connections[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            raise OSError("closes")

        self.watch(answer, "expect_body: ready")
        eventually(
            lambda: self.health()["state"] == "down"
            and "the connection failed within the body" in self.health()["last_failure"],
            "it is down",
        )

    def test_an_interim_answer_is_not_the_answer(self):
        self.watch(
            lambda r: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "method: GET",
        )
        self.wait_result("status 200", "up")


if __name__ == "__main__":
    main()
