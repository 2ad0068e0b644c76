"""All promises at once: constant reloads under load, with a WebSocket open and a backend down.

The test takes half a minute, or less under a sanitizer, unless WEIR_ENDURANCE_SECONDS says otherwise.
"""
import os
import threading
import time

from support.scenario import SANITIZED, Client, Scenario, eventually, flow, free_port, main, web

SECONDS = int(os.environ.get("WEIR_ENDURANCE_SECONDS", "20" if SANITIZED else "30"))


class Endurance(Scenario):
    def test_a_reload_every_second_under_load_loses_no_request_and_no_state(self):
        port = free_port()
        good = [self.demo_backend(f"g{i}")[1] for i in range(3)]
        down = self.backend(name="down")
        sockets = self.backend(self.websocket, name="ws")

        def config(round_):
            listed = [
                {"name": f"g{i}", "address": f"127.0.0.1:{p}", "weight": 1 + (round_ + i) % 3}
                for i, p in enumerate(good)
            ]
            check = {"type": "http", "path": "/healthz", "interval": "300ms", "timeout": "300ms"}
            check.update(fall=10, rise=1000)
            routes = [{"match": {"path_prefix": "/ws"}, "pool": "ws"}]
            if round_ % 2 == 0:
                routes.append({"match": {"path_prefix": f"/r{round_}"}, "pool": "web"})
            return (
                web(port, [*listed, down.entry()], check, more=f"  ws: {flow({'backends': [sockets.address]})}")
                + f"routes: {flow(routes)}\nlimits: {{header_count: {100 + round_ % 7}}}\n"
            )

        proxy = self.weir(config(0))
        proxy.wait_up(4)
        down.script = lambda connection, request: connection.sendall(b"HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n")
        eventually(lambda: proxy.backends()["down"]["state"] == "down", "it is down")
        down.requests.clear()
        begin = proxy.backends()["down"]
        socket_client = self.client(port)
        self.assertEqual(socket_client.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        failures, answered, over = [], [0], threading.Event()
        threads = [threading.Thread(target=self.load, args=(port, failures, answered, over)) for _ in range(4)]
        for thread in threads:
            thread.start()
        memory, failed = [], begin["failures_in_a_row"]
        try:
            start = time.monotonic()
            for i in range(1, SECONDS + 1):
                time.sleep(max(0.0, start + i - time.monotonic()))  # one reload per second
                self.assertEqual(proxy.reload(config(i))["verdict"], "applied")
                socket_client.send(f"echo {i:04}")
                self.assertEqual(socket_client.reader.exactly(9), b"echo %04d" % i)
                now = proxy.backends()["down"]
                self.assertEqual(
                    (now["state"], now["ejections"], now["passes_in_a_row"]), ("down", begin["ejections"], 0)
                )
                self.assertGreaterEqual(now["failures_in_a_row"], failed)  # the count never restarts
                failed = now["failures_in_a_row"]
                memory.append(proxy.memory())
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(answered[0], SECONDS * 20)
        self.assertEqual([r["target"] for r in down.requests if r["target"] != "/healthz"], [])
        self.assertGreater(failed, begin["failures_in_a_row"])
        if not SANITIZED:  # sanitizers hold back freed memory
            half = len(memory) // 2
            self.assertLess(max(memory[half:]) - max(memory[:half]), 4096)
        print(
            f"{answered[0]} requests, {len(failures)} failed, {SECONDS} reloads, {failed} failed probes in a row, "
            f"memory {memory[0]} → {memory[-1]} KiB"
        )

    @staticmethod
    def websocket(connection, request):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := connection.recv(65536):
            connection.sendall(data)

    @staticmethod
    def load(port, failures, answered, over):
        while not over.is_set():
            try:
                with Client(port) as client:
                    for _ in range(50):
                        answer = client.get("/")
                        if answer is None or answer["status"] != 200:
                            failures.append(answer)
                        answered[0] += 1
            except (OSError, AssertionError) as problem:
                failures.append(repr(problem))


if __name__ == "__main__":
    main()
