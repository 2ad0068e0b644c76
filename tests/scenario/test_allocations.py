"""Counts allocations: in steady state, a request allocates nothing on a worker."""
import mmap
import os
import signal
import struct
import tempfile

from support.certificates import Authority
from support.peers import Reader
from support.scenario import Scenario, free_port, main, web
from support.tls_clients import TlsClient

REQUEST = "GET /some/path?query HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"


class SteadyState(Scenario):
    def serve(self, **listener):
        counter = tempfile.NamedTemporaryFile()
        self.addCleanup(counter.close)
        counter.write(bytes(8))
        counter.flush()
        library = os.path.join(os.environ["WEIR_BUILD"], "tests", "libcount_allocations.so")
        self.port, backend = free_port(), self.demo_backend("b")[1]
        self.proxy = self.weir(
            web(self.port, [f"127.0.0.1:{backend}"], listener=listener),
            workers=1,
            environment={"LD_PRELOAD": library, "WEIR_ALLOCATIONS": counter.name},
        )
        self.page = mmap.mmap(counter.fileno(), 8)
        self.addCleanup(self.page.close)

    def count(self):
        return struct.unpack("Q", self.page[:8])[0]

    def assert_no_allocation(self, sockets):
        readers = [Reader(sock) for sock in sockets]

        def ask(rounds):
            for _ in range(rounds):
                for sock in sockets:
                    sock.sendall(REQUEST.encode())
                for reader in readers:
                    self.assertEqual(reader.response()["status"], 200)

        # All clients at once: there will never be more requests at a time than now.
        self.proxy.signal(signal.SIGSTOP)
        for sock in sockets:
            sock.sendall(REQUEST.encode())
        self.proxy.signal(signal.SIGCONT)
        for reader in readers:
            self.assertEqual(reader.response()["status"], 200)
        ask(200)
        self.assertGreater(self.count(), 0)  # the counter works
        before = self.count()
        ask(1250)
        self.assertEqual(self.count() - before, 0)

    def test_ten_thousand_requests_allocate_nothing(self):
        self.serve()
        self.assert_no_allocation([self.client(self.port).sock for _ in range(8)])

    def test_ten_thousand_requests_over_tls_allocate_nothing(self):
        """OpenSSL allocates its own buffers."""
        authority = Authority(self.folder())
        self.serve(tls={"certificates": [authority.issue("a.example")]})
        tls = TlsClient(self, authority, self.port)
        self.assert_no_allocation([tls.connect() for _ in range(8)])


if __name__ == "__main__":
    main()
