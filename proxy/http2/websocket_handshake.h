// The handshake with a backend that speaks HTTP/1.1, for a WebSocket that an HTTP/2 client opens by extended CONNECT
// (RFC 8441). The client's side has no key.
//
// Thread: any.
// Lifetime: values.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy::http2 {

// Returns a new Sec-WebSocket-Key (RFC 6455 section 4.1): 16 random bytes in base64.
std::string make_websocket_key();

// Returns the Sec-WebSocket-Accept that belongs to a key (RFC 6455 section 4.2.2); empty if it is no key.
std::string websocket_accept(std::string_view key);

// Returns true if `accept` is the Sec-WebSocket-Accept that belongs to this key.
bool accepts_websocket(std::string_view key, std::string_view accept);

// Returns true if the head of the backend's response may be sent to the client: it accepts this key, or it refuses the
// WebSocket. Any other 2xx would look like a WebSocket to the client.
bool may_answer_websocket(std::string_view head, std::string_view key);

} // namespace weir::proxy::http2
