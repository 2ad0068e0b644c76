// Makes the head of an HTTP/1.1 response from the field section of a backend's HTTP/2 response (RFC 9113
// section 8.3.2), so that one parser reads the heads of both versions. A section that has no unambiguous HTTP/1.1 form
// is refused.
//
// The text is only a form in memory. It states no framing but Content-Length: a body without a length ends with its
// stream.
//
// The size is counted as in RFC 9113 section 6.5.2: each field counts its name, its value and 32 bytes, which is more
// than it takes in the text. So the parser never refuses a text for its size.
//
// Thread: one worker's thread.
// Lifetime: a connection has one and uses it for one field section after the other; it keeps memory, but no pointers.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/io/buffer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::http2 {

class ResponseText {
public:
    // Begins the next head.
    void begin(const http::HeadLimits& limits);
    // Adds the next field of the section. After an error, or beyond a limit, costs nothing.
    void add(std::string_view name, std::string_view value);
    // Refuses the head: the library below has found an illegal field.
    void refuse(const char* reason) { refuse(400, reason); }
    // Ends the section. Refused, the code is 431 for a head beyond the limits, and otherwise 400.
    http::HeadResult finish();

    // The functions below are for a head that is not refused.

    int status() const { return status_; }
    // Returns the length that the head states; unset if it states none.
    std::optional<std::uint64_t> length() const { return length_; }
    // Appends the head to `out`, which has memory and grows if necessary.
    void write(Buffer& out) const;
    // Likewise, as the response to a request to switch to WebSocket with this key, which the backend has accepted
    // (RFC 8441 section 5).
    void write_switch(Buffer& out, std::string_view websocket_key) const;

private:
    void refuse(int code, const char* reason);
    void set_status(std::string_view value);
    void set_length(std::string_view value);

    std::string lines_;
    http::HeadLimits limits_;
    std::size_t size_ = 0, count_ = 0; // as the limits count them, so far
    std::optional<std::uint64_t> length_;
    int status_ = 0; // 0: there was none yet
    http::HeadResult refusal_{http::HeadStatus::complete};
};

} // namespace weir::proxy::http2
