"""Response heads of HTTP/2 backends that are illegal: refused, and no part of them reaches a client."""
from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario
from support.scenario import main

STATUS = (":status", "200")


class IllegalHeads(Http2BackendScenario):
    def setUp(self):
        super().setUp()
        self.block = None

        def script(call):
            if call.path == "/bad":
                call.send(h2.headers(call.id, self.block, end=False) + h2.data(call.id, b"evil body", end=True))
            else:
                call.link.backend.echo(call)

        self.seen = self.http2_backend(script)
        self.serve_behind(self.seen)

    def refused(self, cases):
        """Each of these is a head, or the bytes of a field block."""
        for name, head in cases.items():
            with self.subTest(case=name):
                self.block = head if isinstance(head, bytes) else h2.block(head)
                text = self.ask("/bad", "Connection: close\r\n").rest()
                self.assertRegex(text, rb"^HTTP/1\.1 502 ")
                self.assertNotIn(b"evil", text)
                client = self.connect()
                view = client.request(path="/bad")
                client.wait(lambda v=view: v.over, "it is over")
                self.assertTrue(view.status == 502 or view.reset, (view.status, view.reset))
                self.assertNotIn("evil", str(view.fields) + str(bytes(view.body)))
                self.assertEqual(client.get("/alive").status, 200)
                client.close()

    def passed(self, cases):
        for name, head in cases.items():
            with self.subTest(case=name):
                self.block = h2.block(head)
                response = self.answer("/bad")
                self.assertEqual((response["status"], response["body"]), (200, b"evil body"))
                self.assertEqual(bytes(self.connect().get("/bad").body), b"evil body")

    def test_as_many_fields_as_the_limit_allows(self):
        fields = [(f"x-{number}", "1") for number in range(101)]
        self.passed({"100 fields": [STATUS, *fields[:100]]})
        self.refused({"101 fields": [STATUS, *fields]})

    def test_names(self):
        names = (
            "X-Evil",
            "x evil",
            "x-evil:",
            "x\r\nevil",
            "x\nevil",
            "x\0evil",
            "",
            "x-evil ",
            " x-evil",
            "x\x7fevil",
        )
        self.refused({repr(name): [STATUS, (name, "1")] for name in (*names, "x\xe9evil", "x(evil)", "x\tevil")})

    def test_values(self):
        values = ("1\r\nx-evil: 1", "1\nevil", "1\revil", "1\0evil", "evil\r", "\nevil")
        self.refused({repr(value): [STATUS, ("x-field", value)] for value in values})

    def test_fields_of_a_connection(self):
        fields = [("connection", "close"), ("connection", "x-evil"), ("keep-alive", "timeout=5"), ("upgrade", "h2c")]
        fields += [("transfer-encoding", "chunked"), ("proxy-connection", "close")]
        self.refused({f"{name}: {value}": [STATUS, ("x-evil", "1"), (name, value)] for name, value in fields})

    def test_a_status(self):
        for_numbers = (
            "",
            "0",
            "20",
            "2000",
            "099",
            "abc",
            "+20",
            "-20",
            "2 0",
            " 200",
            "200 ",
            "2\x000",
            "20\r\n",
            "1e2",
        )
        self.refused({repr(text): [(":status", text), ("x-evil", "1")] for text in for_numbers})

    def test_a_switch_of_protocols(self):
        self.refused({"101": [(":status", "101"), ("x-evil", "1")]})

    def test_pseudo_fields(self):
        self.refused(
            {
                "none": [("x-evil", "1")],
                "nothing at all": b"",
                "twice": [STATUS, STATUS, ("x-evil", "1")],
                "two": [STATUS, (":status", "201"), ("x-evil", "1")],
                "late": [("x-evil", "1"), STATUS],
                "unknown": [STATUS, (":evil", "1")],
                "of a request": [STATUS, (":path", "/evil")],
                "a method": [STATUS, (":method", "GET"), ("x-evil", "1")],
                "upper case": [(":Status", "200"), ("x-evil", "1")],
            }
        )

    def test_lengths(self):
        lengths = ("-9", "+9", "0x9", "9,9", "9, 9", "nine", "", "9.0", "99999999999999999999999", "9\r\n")
        cases = {repr(text): [STATUS, ("content-length", text), ("x-evil", "1")] for text in lengths}
        cases["two"] = [STATUS, ("content-length", "9"), ("content-length", "8"), ("x-evil", "1")]
        self.refused(cases)

    def test_sizes(self):
        many = [STATUS, *[(f"x-evil-{number}", "1") for number in range(200)]]
        self.refused({"many": many, "large": [STATUS, *[(f"x-evil-{number}", "v" * 3_000) for number in range(10)]]})

    def test_a_small_block_that_becomes_a_large_head(self):
        """8,000 times the same field of 3,000 bytes out of the table, in 11 KB."""
        self.answer("/alive")
        before = self.proxy.memory()
        self.refused({"bomb": h2.block([STATUS]) + h2.added("x-evil", "v" * 3_000) + h2.indexed(62) * 8_000})
        self.assertLess(self.proxy.memory() - before, 16_000)

    def test_what_is_legal_passes(self):
        self.passed(
            {
                "a length": [STATUS, ("content-length", "9")],
                "an empty value": [STATUS, ("x-empty", "")],
                "bytes beyond ASCII": [STATUS, ("x-name", "caf\xe9")],
                "te and host": [STATUS, ("host", "a")],
                "the same field often": [STATUS, *[("set-cookie", f"a{number}=1") for number in range(50)]],
                "marks in a name": [STATUS, ("x!#$%&'*+-.^_`|~9", "1")],
            }
        )


if __name__ == "__main__":
    main()
