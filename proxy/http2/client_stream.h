// One request and its response on a backend's HTTP/2 connection, as bytes out and in for an exchange.
//
//   sent       the request as HTTP/1.1 text: its head, then the body without framing; its end is finish_sending()
//   received   the response as HTTP/1.1 text: heads, of which all but the last are interim, then the body without
//              framing; its end is END_STREAM
//
// Thread: one worker's thread.
// Lifetime: see ConnectionStream.
#pragma once

#include "proxy/http2/connection_stream.h"

#include <string>

namespace weir::proxy::http2 {

class ClientConnection;

class ClientStream final : public ConnectionStream {
public:
    explicit ClientStream(ClientConnection& connection);

    IoResult receive(std::span<char> into) override;
    // Resets the stream with CANCEL unless the request and its response are whole: the backend need not go on.
    void close(HowToClose how) override;
    bool readable() const override { return !heads_.empty() || ConnectionStream::readable(); }
    bool broken() const override { return closed_ && !end_received_; }
    bool at_end() const override { return heads_.empty() && ConnectionStream::at_end(); }

private:
    friend struct ClientCallbacks;

    void end_head() override;
    void submit() override;
    void fail(StreamFailure failure);

    ClientConnection& client_;
    Buffer heads_;                // that have arrived and have not been received
    std::string websocket_key_;   // of a request to switch to WebSocket; empty: it is none
    bool has_final_head_ = false; // it has arrived
};

} // namespace weir::proxy::http2
