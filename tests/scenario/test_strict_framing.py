"""Ambiguous framing of requests: weir itself answers and closes, and no byte reaches a backend."""
import socket

from support.refusals import CHUNKED, GET, POST, Bytes, RefusalScenario
from support.scenario import Client, Reader, main


def with_header(*lines):
    return POST + "".join(line + "\r\n" for line in lines) + "\r\n5\r\nhello\r\n0\r\n\r\n"


class Framing(RefusalScenario):
    def test_length_and_chunks_together(self):
        self.refused(
            400,
            [
                with_header("Content-Length: 5", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding: chunked", "Content-Length: 5"),
                with_header("Content-Length: 0", "transfer-encoding: CHUNKED"),
            ],
        )

    def test_transfer_encodings_other_than_chunked(self):
        values = (
            "xchunked",
            "chunked,",
            ",chunked",
            "chunked, gzip",
            "gzip, chunked",
            "\vchunked",
            "\x0cchunked",
            "\x1fchunked",
            "",
            "chunked;x=1",
            "identity",
            "chunked, chunked",
            '"chunked"',
            "chunked\x00",
            "chun ked",
            "\x85chunked",
        )
        self.refused((400, 501), [with_header(f"Transfer-Encoding: {value}") for value in values])
        self.refused(
            (400, 501),
            [
                with_header("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
                with_header("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
                with_header("Transfer-Encoding:\r\n chunked"),
            ],
        )

    def test_transfer_encoding_in_http_1_0(self):
        self.refused(
            400,
            [
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ],
        )

    def test_lengths_that_are_not_plain_numbers(self):
        values = (
            "",
            "+5",
            "-0",
            "-5",
            "0x5",
            "5_0",
            "5 5",
            "18446744073709551616",
            "18446744073709551621",
            "9" * 400,
            "5,",
            ",5",
            "5, 6",
            "5, 5",
            "5.0",
            "5e1",
            "\x0b5",
            "٥",
            "five",
        )
        self.refused(
            400, [POST + f"Content-Length: {value}\r\n\r\nhello".encode("utf-8").decode("latin-1") for value in values]
        )
        self.refused(
            400,
            [
                POST + f"Content-Length: {a}\r\nContent-Length: {b}\r\n\r\nhello"
                for a, b in ((5, 6), (6, 5), (5, 5), (0, 5), (5, ""))
            ],
        )

    def test_chunks_that_are_not_canonical(self):
        """The head may already be at a backend, which must never get a complete request."""
        bad = (
            "0x5\r\nhello",
            "5_0\r\nhello",
            " 5\r\nhello",
            "5 \r\nhello",
            "\t5\r\nhello",
            "-1\r\nhello",
            "+5\r\nhello",
            "",
            "\r\nhello",
            "g\r\n",
            "00000000000000005\r\nhello",
            "10000000000000005\r\nhello",
            "fffffffffffffffff\r\nhello",
            "100000005\r\nhello",
            "5;\nhello",
            "5;a\rhello",
            "5;a\r\rhello",
            "5\nhello",
            "5\rhello",
            "5;a=\0\r\nhello",
            "5;a=\r\n b\r\nhello",
            "5;" + "a" * 65536 + "\r\nhello",
            "5\r\nhelloXX",
            "5\r\nhello\n",
            "5\r\nhello\r",
            "5\r\nhello0",
            "5\r\nhello\r\r\n",
            "0\r\nXX",
            "0\r\n\n",
            "0\n\n",
            "0\r\nA b\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\n A: b\r\n\r\n",
            "0\r\nA: \0\r\n\r\n",
            "0\r\nA: " + "b" * 65536 + "\r\n\r\n",
            "5;\x01\r\nhello",
            "5\x00\r\nhello",
        )
        for chunks in bad:
            with self.subTest(chunks=chunks[:60]):
                with Client(self.port) as client:
                    client.send(CHUNKED + chunks + "\r\n0\r\n\r\n")
                    client.sock.shutdown(socket.SHUT_WR)
                    reader = Reader(Bytes(client.rest()))
                    answer = reader.response()
                    if answer:  # none if the error shows only at the end: the client has gone
                        self.assertEqual(
                            (answer["status"], answer["fields"].get("connection"), reader.buffer), (400, "close", b"")
                        )
                    self.assertEqual(self.seen.requests, [])

    def test_a_chunk_shorter_than_announced_is_never_a_whole_request(self):
        for size in ("100000005", "fffffffffffffff"):  # 4 GiB and 5: a parser that counts in 32 bits reads 5
            with Client(self.port) as client:
                client.send(CHUNKED + size + "\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
                client.sock.shutdown(socket.SHUT_WR)
                client.rest()
        self.assertEqual(self.seen.requests, [])

    def test_unknown_expectations_are_refused_with_417(self):
        with Client(self.port) as client:
            self.assertEqual(client.get("/", extra="Expect: something\r\n")["status"], 417)
        with Client(self.port) as client:
            client.send(POST + "Expect: something\r\nContent-Length: 5\r\n\r\nhello" + GET + "\r\n")
            reader = Reader(Bytes(client.rest()))
            self.assertEqual((reader.response()["status"], reader.buffer), (417, b""))
        self.assertEqual(self.seen.connections, [])

    def test_a_refusal_ends_the_pipeline(self):
        with Client(self.port) as client:
            client.send(
                GET
                + "\r\n"
                + with_header("Content-Length: 5", "Transfer-Encoding: chunked")
                + GET.replace("/ ", "/smuggled ")
                + "\r\n"
            )
            reader = Reader(Bytes(client.rest()))
            self.assertEqual([reader.response()["status"], reader.response()["status"], reader.buffer], [200, 400, b""])
        self.assertEqual([r["target"] for r in self.seen.requests], ["/"])


if __name__ == "__main__":
    main()
