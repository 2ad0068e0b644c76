"""redirect_https: plain requests are sent to https, except the challenges of certificate authorities."""
from support.scenario import Scenario, eventually, free_port, main, web


class Redirect(Scenario):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.seen = self.backend()

    def serve(self, **listener):
        config = web(self.port, [self.seen], listener={"redirect_https": True, **listener})
        self.proxy = self.weir(config, workers=1)

    def test_every_method_is_redirected_with_its_path_and_query(self):
        self.serve()
        client = self.client(self.port)
        for target, host, location in (
            ("/", "a.example", "https://a.example/"),
            ("/x/y?z=%20&q", "a.example:8080", "https://a.example/x/y?z=%20&q"),
            ("//evil.example/", "a.example", "https://a.example//evil.example/"),
            ("/", "[::1]:8080", "https://[::1]/"),
            ("http://b.example?q", "b.example", "https://b.example/?q"),
        ):
            for method in ("GET", "HEAD", "DELETE"):
                answer = client.get(target, host, method=method)
                self.assertEqual((answer["status"], answer["fields"]["location"]), (308, location))
        self.assertEqual(self.seen.requests, [])
        line = ' "GET /x/y?z=%20&q HTTP/1.1" 308 '
        eventually(lambda: line in self.proxy.access_log(), "the access log has the redirect")

    def test_a_body_is_not_read(self):
        self.serve()
        client = self.client(self.port)
        client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        answer = client.reader.response()
        self.assertEqual((answer["status"], answer["fields"]["connection"]), (308, "close"))

    def test_challenges_are_served(self):
        self.serve()
        client = self.client(self.port)
        self.assertEqual(client.get("/.well-known/acme-challenge/token")["status"], 200)
        folder = "/.well-known/acme-challenge/"
        for target in (folder, folder[:-1], f"/x{folder}token", f"{folder}../../admin", f"{folder}x/y"):
            self.assertEqual(client.get(target)["status"], 308)

    def test_neither_a_pool_nor_a_route_is_needed(self):
        self.serve(pool=None)
        client = self.client(self.port)
        self.assertEqual(client.get()["status"], 308)
        self.assertEqual(client.get("/.well-known/acme-challenge/token")["status"], 404)

    def test_a_request_without_a_host_cannot_be_redirected(self):
        self.serve()
        client = self.client(self.port)
        client.send("GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 400)

    def test_illegal_requests_are_refused_not_redirected(self):
        self.serve()
        client = self.client(self.port)
        client.send("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 400)


if __name__ == "__main__":
    main()
