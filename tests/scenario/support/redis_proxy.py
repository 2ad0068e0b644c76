"""A proxy between weir and Redis that cuts, drops or delays answers at any byte and reports each command. Standard
library only."""
import contextlib
import socket
import threading
import time


def commands_in(buffer):
    """Removes the complete commands from the front of a bytearray and returns them."""
    found = []
    while (end := buffer.find(b"\r\n")) > 0:
        words, at = [], end + 2
        for _ in range(int(buffer[1:end])):
            end = buffer.find(b"\r\n", at)
            if end < 0 or len(buffer) < end + 4 + int(buffer[at + 1 : end]):
                return found
            size = int(buffer[at + 1 : end])
            words.append(bytes(buffer[end + 2 : end + 2 + size]))
            at = end + 4 + size
        del buffer[:at]
        found.append(words)
    return found


class RedisProxy:
    """The proxy of one weir. `fault` is None, or ("cut" | "drop" | "delay", bytes of answers that still pass)."""

    def __init__(self, test, port):
        self.target, self.lock, self.fault, self.on_command, self.rewrite = port, threading.Lock(), None, None, None
        self.answered = 0  # bytes of answers since the fault was set
        self.struck = False  # whether the fault has affected an answer
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        test.addCleanup(self.close)

    def set(self, kind=None, after=0):
        with self.lock:
            self.fault, self.answered, self.struck = (kind, after) if kind else None, 0, False

    def close(self):
        # shutdown() wakes threads that wait in accept() or recv(); close() alone does not.
        for s in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.target), 10)
                server.settimeout(None)
                with self.lock:
                    self.open = [s for s in self.open if s.fileno() >= 0] + [client, server]
                for move in (self.forward, self.answer):
                    threading.Thread(target=move, args=(client, server), daemon=True).start()

    def end(self, *sockets):
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def forward(self, client, server):
        pending = bytearray()
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                pending += piece
                for words in commands_in(pending):
                    after = self.on_command(words) if self.on_command else None
                    if self.rewrite:
                        words = [self.rewrite(word) for word in words]
                    server.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
                    if after:
                        after()
        self.end(client, server)

    def answer(self, client, server):
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                with self.lock:
                    kind, after = self.fault or (None, 0)
                    passes = len(piece) if kind is None else max(0, min(len(piece), after - self.answered))
                    self.answered += len(piece)
                    self.struck = self.struck or passes < len(piece)
                if passes:
                    client.sendall(piece[:passes])
                if passes < len(piece) and kind == "cut":
                    break
                if passes < len(piece) and kind == "delay":
                    time.sleep(0.3)  # the delay of this fault
                    client.sendall(piece[passes:])
        self.end(client, server)
