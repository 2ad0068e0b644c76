// Makes the head of an HTTP/1.1 request from the field section of an HTTP/2 request (RFC 9113 section 8.3.1), so that
// one parser, with one set of checks, reads the heads of both versions. A section that has no unambiguous HTTP/1.1 form
// is refused.
//
// The text is only a form in memory. It states no framing but Content-Length; a body without a length is stated as
// chunked, although its bytes arrive without chunks (see received_framing in proxy/transfer/body_source.h).
//
// Thread: one worker's thread.
// Lifetime: a connection has one and uses it for one field section after the other; it keeps memory, but no pointers.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/io/buffer.h"

#include <string>
#include <string_view>

namespace weir::proxy::http2 {

enum class EndStream { no, yes }; // yes: the frame has END_STREAM, so no body follows

class RequestText {
public:
    // Begins the next request. Every field counts, names and values with 32 bytes each (RFC 9113 section 6.5.2), but
    // crumbs of the same cookie count as one field (section 8.2.3).
    void begin(const http::HeadLimits& limits);
    // Adds the next field of the section. After an error, or beyond a limit, costs nothing.
    void add(std::string_view name, std::string_view value);
    // Refuses the request: the library below has found an illegal field.
    void refuse(const char* reason);
    // Ends the section and appends the head to `out`, which grows if necessary. Refused, it appends nothing; the code
    // is 400 for a malformed request (RFC 9113 section 8.1.1), which gets a stream error, and otherwise the status of
    // the response (405, 431, 501).
    http::HeadResult finish(EndStream end, Buffer& out);

    // What the logs show of a refused request.
    std::string_view method() const { return method_; }
    std::string_view path() const { return path_; }
    std::string_view authority() const { return authority_; }
    // Returns true if the request is an extended CONNECT for WebSocket (RFC 8441): the text is that of an HTTP/1.1
    // handshake with the key of set_websocket_key().
    bool is_websocket() const { return !protocol_.empty(); }
    // Sets the value of Sec-WebSocket-Key for extended CONNECT, which is required before finish().
    void set_websocket_key(std::string_view key) { websocket_key_ = key; }

private:
    // Pseudo-fields come first, each at most once (RFC 9113 section 8.3).
    std::string method_, scheme_, authority_, path_, protocol_;
    std::string host_, cookie_, lines_, websocket_key_;
    http::HeadLimits limits_;
    std::size_t size_ = 0, count_ = 0;
    http::HeadResult refusal_{http::HeadStatus::complete};
    bool has_regular_field_ = false, has_length_ = false;
};

} // namespace weir::proxy::http2
