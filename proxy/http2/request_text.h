// Makes the head of an HTTP/1.1 request from the field section of an HTTP/2 request (RFC 9113 section 8.3.1), so that
// one parser, with one set of checks, reads the heads of both versions. A section that has no unambiguous HTTP/1.1 form
// is refused.
//
// The text is only a form in memory. It states no framing but Content-Length; a body without a length is stated as
// chunked, although its bytes arrive without chunks (see received_framing in proxy/transfer/body_source.h).
//
// Both versions have the same limits. The size is that of RFC 9113 section 6.5.2: every field, pseudo-field or crumb of
// a cookie counts its name, its value and 32 bytes, which is always more than it takes in the text. The count is that
// of the lines that the text has: Host stands for :authority, one Cookie for all crumbs, and the lines that weir adds
// count, too. So the parser never refuses a text for its size.
//
// Thread: one worker's thread.
// Lifetime: a connection has one and uses it for one field section after the other; it keeps memory, but no pointers.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/io/buffer.h"

#include <array>
#include <string>
#include <string_view>

namespace weir::proxy::http2 {

enum class EndStream { no, yes }; // yes: the frame has END_STREAM, so no body follows

class RequestText {
public:
    // Begins the next request.
    void begin(const http::HeadLimits& limits);
    // Adds the next field of the section. After an error, or beyond a limit, costs nothing.
    void add(std::string_view name, std::string_view value);
    // Refuses the request: the library below has found an illegal field.
    void refuse(const char* reason) { refuse(400, reason); }
    // Ends the section and appends the head to `out`, which has memory and grows if necessary. Refused, it appends
    // nothing; the code is 400 for a malformed request (RFC 9113 section 8.1.1), which gets a stream error, and
    // otherwise the status of the response (405, 431, 501).
    //
    // The parser reads the text as one whole request, or refuses it with 400 because the authority is no host with a
    // port, or because Host names another one.
    http::HeadResult finish(EndStream end, Buffer& out);

    // What the logs show of a refused request: only what is legal in it.
    std::string_view method() const { return pseudo_[method_field]; }
    std::string_view path() const { return pseudo_[path_field]; }
    std::string_view authority() const { return pseudo_[authority_field].empty() ? host_ : pseudo_[authority_field]; }
    // Returns how large the section is, as the limits count it. A text without a body to come is not larger.
    std::size_t size() const { return size_; }
    // Returns true if the request is an extended CONNECT for WebSocket (RFC 8441): the text is that of an HTTP/1.1
    // handshake with the key of set_websocket_key().
    bool is_websocket() const { return is_websocket_; }
    // Returns true if the request states that its body is empty (Content-Length: 0).
    bool states_empty_body() const { return has_length_ && !has_content_; }
    // Sets the value of Sec-WebSocket-Key for extended CONNECT, which is required before finish().
    void set_websocket_key(std::string_view key) { websocket_key_ = key; }

private:
    enum PseudoField : std::size_t { method_field, scheme_field, authority_field, path_field, protocol_field };
    static constexpr std::size_t pseudo_field_count = 5;

    void refuse(int code, const char* reason);
    void add_pseudo_field(std::string_view name, std::string_view value);
    void add_field(std::string_view name, std::string_view value);
    void add_crumb(std::string_view crumb);
    void add_host(std::string_view value);
    void add_length(std::string_view value);
    void add_line(std::string_view name, std::string_view value);
    void count_line();
    void check_pseudo_fields();
    void check_connect();
    void check_authority();
    void check_body(EndStream end);
    void check_support();
    void check_count(EndStream end);
    bool is_chunked(EndStream end) const { return end == EndStream::no && !has_length_ && !is_websocket_; }
    void write(EndStream end, Buffer& out) const;

    std::array<std::string, pseudo_field_count> pseudo_; // none is legal if it is empty, so empty means absent
    std::string host_, cookie_, lines_, websocket_key_;
    http::HeadLimits limits_;
    std::size_t size_ = 0, count_ = 0; // as the limits count them, so far
    http::HeadResult refusal_{http::HeadStatus::complete};
    bool has_field_ = false, has_cookie_ = false, has_length_ = false, has_content_ = false, is_websocket_ = false;
};

} // namespace weir::proxy::http2
