"""The reference responder to heartbeats, written as usual: it serves one connection at a time, and pauses after each.

usage: responder.py PORT [PAUSE_IN_SECONDS]"""
import socket
import sys
import time

pause = float(sys.argv[2]) if len(sys.argv) > 2 else 5
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(1)
while True:
    connection, _ = listener.accept()
    if connection.recv(1024) == b"heartbeat":
        connection.sendall(b"OK")
    connection.close()
    time.sleep(pause)
