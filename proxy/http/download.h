// Forwards the response from one backend to the client: interim heads, the final head, then the body.
//
//   awaited ─ interim head ─→ awaited ─ final head ─→ begun ─ first byte sent ─→ reached the client
//
// Thread: one worker's thread.
// Lifetime: lives in its attempt; both connections must outlive it. It must not move.
#pragma once

#include "proxy/http/compression.h"
#include "proxy/http/response_trailers.h"
#include "proxy/http/rewrite.h"
#include "proxy/transfer/body_forwarder.h"
#include "proxy/worker/client.h"

#include <chrono>
#include <memory>
#include <optional>

namespace weir::proxy::http {

// Whether a backend keeps its connection open after the response, and for how long.
struct BackendKeepAlive {
    bool keeps = false;
    std::optional<std::chrono::seconds> timeout{}; // unset if it does not say how long
};

// Returns what the final head of a response, whose body has this framing, says about the backend's connection.
BackendKeepAlive keep_alive_of(const ResponseHead& head, const Framing& body);

class Download {
public:
    Download(Client& client, BackendConnection& backend) : client_(client), backend_(backend) {}

    // Reads bytes from the backend into its buffer, which grows if necessary.
    IoResult receive();
    // Parses the head at the front of the backend's buffer into the worker's scratch head.
    HeadResult parse(const HeadLimits& limits);

    // Takes an interim head and queues it for the client, unless the client speaks HTTP/1.0 (RFC 9110 section 15.2).
    // Returns false if there have been too many.
    bool take_interim(const ResponseHead& head, conf::HttpVersion client);
    // Sends queued interim heads. Returns `ok` once all of them are sent. Adds the number of bytes sent to `sent`.
    IoResult flush_interim(std::uint64_t& sent);
    bool has_queued_interim() const { return !body_ && !head_.empty(); }

    // Decides whether the response with this head, and a body with this framing, is compressed. May be called before
    // `begin`, only for a request to a route with compression. Returns what changes in the head.
    std::optional<ContentChange> compress(const ResponseHead& head, const Framing& body,
                                          const RequestedCompression& requested);
    bool compresses_body() const { return compressor_ != nullptr; }
    // Counts a compressed body that will not be forwarded any further.
    void count_compression() const;
    // Takes the final head and begins to forward the body, which arrives with the framing `body`.
    void begin(const ResponseHead& head, const Framing& body, const ResponsePlan& plan);
    bool has_begun() const { return body_.has_value(); }
    // Returns true if a part of the response, or of an interim response before it, may have reached the client.
    bool has_reached_client() const { return body_ && (body_->sent() > 0 || follows_interim_); }

    // The functions below may be called only once the response has begun, except for moved().
    ForwardStatus run() { return compressor_ ? body_->run(*compressor_) : body_->run(); }
    Waiting waiting() const { return body_->waiting(); }
    // Returns true if the body waits until others have had their turns to be compressed.
    bool awaits_turn() const { return compressor_ && compressor_->awaits_turn(); }
    // Changes whenever something moved.
    std::uint64_t moved() const { return (body_ ? body_->moved() : 0) + (compressor_ ? compressor_->consumed() : 0); }
    std::uint64_t sent() const { return body_->sent(); }
    std::uint64_t payload_sent() const { return body_->payload_sent(); }
    // Returns whether the backend keeps its connection open after the response, and for how long.
    const BackendKeepAlive& keep_alive() const { return keep_alive_; }
    bool has_surplus() const { return body_->has_surplus(); } // there are bytes behind the response
    std::string_view malformed() const { return body_->malformed(); }
    // Returns the trailer section of the response after `done`, as the backend has sent it: field lines, each with its
    // CRLF. Empty if there is none.
    std::string_view trailers() const { return body_->trailers(); }

private:
    Client& client_;
    BackendConnection& backend_;
    HeadScan scan_;
    Buffer head_; // heads that are being sent to the client
    std::optional<BodyForwarder> body_;
    std::unique_ptr<BodyCompressor> compressor_; // null unless the body is compressed
    conf::ContentCoding coding_{};               // of the compressed body
    BackendKeepAlive keep_alive_;
    ResponseTrailers trailers_;
    bool follows_interim_ = false; // the final head is queued behind an interim one that may be half sent
    std::uint8_t interim_ = 0;     // interim responses so far
};

// Returns the framing of a response as it is sent to a client that speaks this version. A body without a length is sent
// chunked to an HTTP/1.1 client, so that the client can detect truncation. An HTTP/2 stream has an end of its own,
// which is not a closed connection but means the same here.
Framing framing_for_client(const Framing& body, conf::HttpVersion client);

} // namespace weir::proxy::http
