"""Tables of bytes that a client must not send, or may send, on a connection with a request that goes on."""
from support import http2_frames as h2
from support.http2_scenario import Http2Scenario

OPEN_BODY = 1  # the id of the request whose body has not ended; see Rules.begin
GET = h2.block(h2.head())
POST = h2.block(h2.head("POST"))
CLOSED = {h2.STREAM_CLOSED, h2.PROTOCOL_ERROR}


class Rules(Http2Scenario):
    def setUp(self):
        super().setUp()
        self.serve()

    def begin(self, **keys):
        """Returns a client whose stream 1 has a request without the end of its body."""
        client = self.connect(**keys)
        client.request("POST", "/open", end=False)
        return client

    def connection_errors(self, codes, cases):
        """Each of these bytes is a connection error, on a connection whose stream 1 is open."""
        for name, frames in cases.items():
            with self.subTest(case=name):
                client = self.begin()
                client.send(frames)
                self.assert_connection_error(client, codes)
                client.close()
        self.assert_serves()

    def stream_errors(self, codes, cases, stream=OPEN_BODY):
        """Each of these bytes is an error of a stream, or of the connection."""
        for name, frames in cases.items():
            with self.subTest(case=name):
                client = self.begin()
                client.send(frames)
                self.assert_error(client, client.view(stream), codes)
                client.close()
        self.assert_serves()

    def ignored(self, cases):
        """None of these changes anything."""
        for name, frames in cases.items():
            with self.subTest(case=name):
                client = self.begin()
                client.send(frames)
                client.ping()
                client.send_body(client.view(OPEN_BODY), b"")
                self.assertEqual(client.finish(client.view(OPEN_BODY)).status, 200)
                self.assertEqual(client.goaways, [])
                client.close()
