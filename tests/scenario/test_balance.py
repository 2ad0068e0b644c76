"""Balancing: how many requests each backend gets."""
from support.scenario import Scenario, free_port, main, web


class RoundRobin(Scenario):
    def pipeline(self, port, count, connections):
        """Sends `count` requests in batches over all connections; returns how often each backend answered."""
        clients = [self.client(port) for _ in range(connections)]
        got = {}
        batch = 50
        for _ in range(count // batch // connections):
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * batch)
            for client in clients:
                for _ in range(batch):
                    answer = client.reader.response()
                    assert answer["status"] == 200
                    name = answer["fields"]["x-backend"]
                    got[name] = got.get(name, 0) + 1
        return got

    def test_30000_requests_to_three_equal_backends_are_10000_each(self):
        backends = [self.demo_backend(f"b{i}")[1] for i in range(3)]
        port, workers = free_port(), 2
        self.weir(web(port, [f"127.0.0.1:{b}" for b in backends]), workers=workers)
        got = self.pipeline(port, 30000, connections=6)
        self.assertEqual(sum(got.values()), 30000)
        for name, count in got.items():
            self.assertAlmostEqual(count, 10000, delta=workers, msg=str(got))

    def test_weights_are_exact(self):
        backends = [self.demo_backend(f"b{i}")[1] for i in range(3)]
        port = free_port()
        listed = [{"address": f"127.0.0.1:{b}", "weight": weight} for b, weight in zip(backends, (5, 3, 2))]
        self.weir(web(port, listed), workers=1)
        self.assertEqual(self.pipeline(port, 1000, connections=1), {"b0": 500, "b1": 300, "b2": 200})

    def test_drained_backends_get_nothing(self):
        one, two = self.backend(name="one"), self.backend(name="two")
        port = free_port()
        self.weir(web(port, [one, two.entry(state="drain")]))
        self.assertEqual(self.pipeline(port, 100, connections=1), {"one": 100})


if __name__ == "__main__":
    main()
