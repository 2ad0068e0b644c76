// One request over HTTP/2 and its response, for probes: a client of nghttp2 over a connection that has no other user.
// The callbacks of nghttp2 only take notes; what they mean is decided when the library has been left.
//
// Thread: the control thread.
// Lifetime: the stream must outlive the exchange, which must outlive the coroutines that it started.
#pragma once

#include "base/result.h"
#include "net/async_stream.h"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::health {

using Http2Fields = std::vector<std::pair<std::string, std::string>>;

struct Http2Request {
    std::string method, authority, path;
    Http2Fields headers; // with names in lower case
    std::string body{};  // empty: the request ends with its head
};

class Http2Exchange {
public:
    static constexpr std::size_t max_body = 64 * 1024;       // more is not kept
    static constexpr std::size_t max_head = 64 * 1024;       // of each field section, as RFC 9113 section 6.5.2 counts
    static constexpr std::size_t max_received = 1024 * 1024; // of the whole connection
    static constexpr int max_interim = 10;

    Http2Exchange(net::AsyncStream& stream, Http2Request request);
    ~Http2Exchange();
    Http2Exchange(const Http2Exchange&) = delete;
    Http2Exchange& operator=(const Http2Exchange&) = delete;

    // Sends the request and reads the head of the final response. With TLS, fails if ALPN has not selected h2.
    boost::asio::awaitable<Result<void>> read_head();
    // Reads on until the response has ended, or `is_enough` returns true. Requires that read_head() has succeeded.
    boost::asio::awaitable<Result<void>> read_until(std::function<bool()> is_enough);
    // Tells the server that no more requests come, as far as the connection takes it at once.
    boost::asio::awaitable<void> finish();

    unsigned status() const { return status_; } // 0 before the head is there
    bool has_ended() const { return has_ended_; }
    // Returns the beginning of the body, as far as it has been read.
    const std::string& body() const { return body_; }
    // Returns the value of a field of the head, or of the trailers; unset if there is none.
    std::optional<std::string_view> header(std::string_view name) const { return find(head_, name); }
    std::optional<std::string_view> trailer(std::string_view name) const { return find(trailers_, name); }

private:
    struct Callbacks;
    struct Freed {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };

    static std::optional<std::string_view> find(const Http2Fields& fields, std::string_view name);
    Result<void> submit();
    boost::asio::awaitable<Result<void>> flush();
    boost::asio::awaitable<Result<void>> receive();
    Result<void> feed(std::string_view bytes);
    void take_section();

    net::AsyncStream& stream_;
    const Http2Request request_;
    std::unique_ptr<nghttp2_session, Freed> session_;
    std::size_t body_sent_ = 0, received_ = 0, section_size_ = 0;
    std::string first_bytes_; // until they are enough to know what the server speaks
    std::int32_t id_ = 0;     // of the stream
    unsigned status_ = 0;
    int interim_ = 0;
    bool has_ended_ = false, has_fed_ = false;
    Http2Fields section_, head_, trailers_; // section_: the one that is being received
    std::string body_;
    std::string failure_; // why there is no response; empty: nothing has gone wrong so far
};

} // namespace weir::health
