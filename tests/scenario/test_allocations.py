"""Counts allocations: in steady state, a request allocates nothing on a worker."""
import mmap
import os
import signal
import struct
import tempfile

from support.scenario import Scenario, free_port, main, web

REQUEST = "GET /some/path?query HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"


class SteadyState(Scenario):
    def test_ten_thousand_requests_allocate_nothing(self):
        counter = tempfile.NamedTemporaryFile()
        self.addCleanup(counter.close)
        counter.write(bytes(8))
        counter.flush()
        library = os.path.join(os.environ["WEIR_BUILD"], "tests", "libcount_allocations.so")
        port, backend = free_port(), self.demo_backend("b")[1]
        weir = self.weir(
            web(port, [f"127.0.0.1:{backend}"]),
            workers=1,
            environment={"LD_PRELOAD": library, "WEIR_ALLOCATIONS": counter.name},
        )
        page = mmap.mmap(counter.fileno(), 8)
        self.addCleanup(page.close)

        def count():
            return struct.unpack("Q", page[:8])[0]

        clients = [self.client(port) for _ in range(8)]

        def ask(rounds):
            for _ in range(rounds):
                for client in clients:
                    client.send(REQUEST)
                for client in clients:
                    self.assertEqual(client.reader.response()["status"], 200)

        # All clients at once: there will never be more requests at a time than now.
        weir.signal(signal.SIGSTOP)
        for client in clients:
            client.send(REQUEST)
        weir.signal(signal.SIGCONT)
        for client in clients:
            self.assertEqual(client.reader.response()["status"], 200)
        ask(200)
        self.assertGreater(count(), 0)  # the counter works
        before = count()
        ask(1250)
        self.assertEqual(count() - before, 0)


if __name__ == "__main__":
    main()
