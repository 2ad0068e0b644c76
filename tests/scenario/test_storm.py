"""Configurations that change faster than they can be read: the last good state wins, and nothing leaks."""
import os
import signal
import threading
import time

from support.scenario import SANITIZED, Client, Scenario, eventually, free_port, main, web


class Storm(Scenario):
    def serve(self, **kwargs):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen]), **kwargs)
        self.known = set()

    def config(self, count):
        """Returns one of many different configurations, which a test recognizes by `count`."""
        more = "".join(f"  # a line that takes time to read, {i}\n" for i in range(2000))
        return web(self.port, [self.seen], more=f"limits: {{header_count: {count}}}\n{more}")

    def in_force(self):
        """Finds the limit of header fields in force by sending more and more of them."""
        for count in range(48, 60):
            with Client(self.port) as client:
                if client.get("/", extra="A: b\r\n" * count)["status"] != 200:
                    return count

    def test_ten_thousand_hups_in_ten_seconds(self):
        self.serve()
        client = self.client(self.port)
        self.assertEqual(client.get("/")["status"], 200)
        proxy, over = self.proxy, threading.Event()

        def edit():
            count = 0
            while not over.is_set():
                count += 1
                proxy.write(self.config(50 + count % 3) if count % 4 else "listeners: nonsense\n")

        editor = threading.Thread(target=edit)
        editor.start()
        begin, memory, descriptors = time.monotonic(), [], []
        for i in range(10_000):
            proxy.signal(signal.SIGHUP)
            if i % 100 == 0:
                self.assertEqual(client.get("/")["status"], 200)
                memory.append(proxy.memory())
                descriptors.append(proxy.descriptors())
            time.sleep(max(0.0, begin + (i + 1) / 1000 - time.monotonic()))  # one per millisecond

        def enough():
            proxy.signal(signal.SIGHUP)
            counts = proxy.metrics()
            return min(counts[f'weir_reloads_total{{verdict="{v}"}}'] for v in ("applied", "refused")) > 10

        eventually(enough, "there were reloads of both kinds", 90)
        over.set()
        editor.join()
        proxy.write(self.config(55))
        proxy.signal(signal.SIGHUP)
        eventually(lambda: self.in_force() == 55, "the last good file is in force")
        self.assertEqual(client.get("/")["status"], 200)
        if not SANITIZED:  # sanitizers hold back freed memory
            self.assertLess(max(memory[50:]) - max(memory[:50]), 8192)
        self.assertLess(max(descriptors[50:]) - max(descriptors[:50]), 8)

    def test_a_file_replaced_while_it_is_read_is_read_as_the_old_or_new_one(self):
        self.serve(watch=True)
        proxy, over, before = self.proxy, threading.Event(), self.proxy.descriptors()

        def edit():
            count = 0
            while not over.is_set():
                count += 1
                # Every version differs from the one before, also in size.
                proxy.write(self.config(100 + count % 900) + "#" * (count % 500) + "\n")

        editor = threading.Thread(target=edit)
        editor.start()
        try:
            eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="applied"}'] > 3, "reloads go on", 120)
        finally:
            over.set()
            editor.join()
        self.assertEqual(proxy.metrics()['weir_reloads_total{verdict="refused"}'], 0)
        self.assertNotIn("refused", proxy.log())  # a mixture of two files would be refused
        proxy.write(self.config(57))
        eventually(lambda: self.in_force() == 57, "the last file is in force")
        self.assertLess(proxy.descriptors() - before, 8)

    def test_a_directory_that_vanishes_and_returns_is_watched_again(self):
        self.serve(watch=True, folder="conf")
        proxy, before = self.proxy, None
        folder = os.path.dirname(proxy.path)
        aside = folder + ".aside"
        for i in range(8):
            refused = proxy.log().count("refused")  # counted first: weir may notice at any time from here on
            os.rename(folder, aside)
            # Whether weir notices at once or not, it continues to serve.
            with Client(self.port) as client:
                self.assertEqual(client.get("/")["status"], 200)
            with open(os.path.join(aside, "weir.yaml"), "w") as f:
                f.write(proxy.whole(self.config(50 + i)))
            if i % 2:
                eventually(lambda: proxy.log().count("refused") > refused, "it is noticed")
            os.rename(aside, folder)
            eventually(lambda: self.in_force() == 50 + i, "the file that has come with it is in force")
            before = before or proxy.descriptors()
        proxy.write(self.config(49))
        eventually(lambda: self.in_force() == 49, "an edit is seen as before")
        eventually(lambda: proxy.descriptors() <= before, "nothing has leaked")


if __name__ == "__main__":
    main()
