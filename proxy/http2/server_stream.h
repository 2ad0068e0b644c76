// One request and its response on a client's HTTP/2 connection, as bytes in and out for an exchange.
//
//   received   the body of the request, without framing; its end is END_STREAM
//   sent       the response as HTTP/1.1 text: heads, of which all but the last are interim, then the body without
//              framing; its end is finish_sending()
//
// Thread: one worker's thread.
// Lifetime: see ConnectionStream.
#pragma once

#include "proxy/http2/connection_stream.h"

#include <string>

namespace weir::proxy::http2 {

class ServerConnection;

class ServerStream final : public ConnectionStream {
public:
    ServerStream(ServerConnection& connection, std::int32_t id);

    // Resets the stream because its request is malformed.
    void refuse() { reset(NGHTTP2_PROTOCOL_ERROR); }
    // Gracefully: ends the response, if it has begun. Otherwise, and if the response is not to look complete, resets
    // the stream.
    void close(HowToClose how) override;

private:
    friend class ServerConnection;
    friend struct ServerCallbacks;

    void end_head() override;
    void submit() override;
    void submit_interim();

    std::string websocket_key_; // of an extended CONNECT; empty: the request is none
    bool is_refused_ = false;   // its head is no legal request
    bool is_held_ = false;      // in_ is the head of the request until its stream ends
    bool arrives_ = true;       // it has not been handed over to the listener
};

} // namespace weir::proxy::http2
