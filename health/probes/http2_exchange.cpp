#include "health/probes/http2_exchange.h"

#include "base/use_nothrow_awaitable.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::health {

namespace asio = boost::asio;

namespace {

constexpr std::size_t frame_header_size = 9;
constexpr std::size_t field_overhead = 32;
constexpr std::size_t max_reason = 64; // of what a server says in a GOAWAY

nghttp2_nv field_of(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); // the library only reads them
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string code_name(std::uint32_t code) {
    const std::string name = nghttp2_http2_strerror(code);
    return name == "unknown" ? "code " + std::to_string(code) : name;
}

// Returns the code of a GOAWAY and the reason that may come with it, as far as it is legible.
std::string describe(const nghttp2_goaway& goaway) {
    std::string reason(reinterpret_cast<const char*>(goaway.opaque_data),
                       goaway.opaque_data ? std::min(goaway.opaque_data_len, max_reason) : 0);
    std::replace_if(
        reason.begin(), reason.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    return code_name(goaway.error_code) + (reason.empty() ? "" : " (" + reason + ")");
}

} // namespace

// None of these may call into the session.
struct Http2Exchange::Callbacks {
    static Http2Exchange& exchange(void* user) { return *static_cast<Http2Exchange*>(user); }

    // The first failure is the cause of the others.
    static void fail(Http2Exchange& self, std::string failure) {
        if (self.failure_.empty() && !self.has_ended_) self.failure_ = std::move(failure);
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* user) {
        exchange(user).section_.clear();
        exchange(user).section_size_ = 0;
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
        auto& self = exchange(user);
        if (frame->hd.stream_id != self.id_) return 0;
        self.section_size_ += name_size + value_size + field_overhead;
        if (self.section_size_ > max_head) {
            fail(self, "the head is larger than 64KiB");
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        self.section_.emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                                   std::string(reinterpret_cast<const char*>(value), value_size));
        return 0;
    }

    static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                                 const std::uint8_t*, std::size_t, std::uint8_t, void* user) {
        fail(exchange(user), "malformed: a header name or value has an illegal byte");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        auto& self = exchange(user);
        if (frame->hd.type == NGHTTP2_GOAWAY) {
            // A server that is about to stop still answers the requests that it has accepted.
            const bool is_accepted = frame->goaway.last_stream_id >= self.id_;
            if (frame->goaway.error_code != NGHTTP2_NO_ERROR || !is_accepted)
                fail(self, "GOAWAY: " + describe(frame->goaway));
        }
        if (frame->hd.stream_id != self.id_) return 0;
        if (frame->hd.type == NGHTTP2_RST_STREAM) fail(self, "RST_STREAM: " + code_name(frame->rst_stream.error_code));
        if (frame->hd.type == NGHTTP2_HEADERS) self.take_section();
        const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (may_end && frame->hd.flags & NGHTTP2_FLAG_END_STREAM && self.failure_.empty()) self.has_ended_ = true;
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                       void* user) {
        auto& self = exchange(user);
        if (id != self.id_) return 0;
        self.body_.append(reinterpret_cast<const char*>(bytes), std::min(size, max_body - self.body_.size()));
        return 0;
    }

    // The library refuses a frame by itself, and says why.
    static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int error, void* user) {
        fail(exchange(user), std::string("malformed: ") + nghttp2_strerror(error));
        return 0;
    }

    // What the library tells the server about an error that it has found.
    static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
            fail(exchange(user), "malformed: " + describe(frame->goaway));
        if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
            fail(exchange(user), "malformed: " + code_name(frame->rst_stream.error_code));
        return 0;
    }

    static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
        if (id == exchange(user).id_) fail(exchange(user), "the stream was closed: " + code_name(code));
        return 0;
    }

    static int on_error(nghttp2_session*, int code, const char*, std::size_t, void* user) {
        if (code == NGHTTP2_ERR_SETTINGS_EXPECTED)
            fail(exchange(user), "the backend does not speak HTTP/2: it does not begin with SETTINGS");
        return 0;
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t most, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) {
        auto& self = exchange(source->ptr);
        const auto size = std::min(most, self.request_.body.size() - self.body_sent_);
        std::copy_n(self.request_.body.data() + self.body_sent_, size, into);
        self.body_sent_ += size;
        if (self.body_sent_ == self.request_.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }

    static const nghttp2_session_callbacks* table() {
        static const auto* const made = [] {
            nghttp2_session_callbacks* table = nullptr;
            nghttp2_session_callbacks_new(&table);
            nghttp2_session_callbacks_set_on_begin_headers_callback(table, on_begin_headers);
            nghttp2_session_callbacks_set_on_header_callback(table, on_header);
            nghttp2_session_callbacks_set_on_invalid_header_callback(table, on_invalid_header);
            nghttp2_session_callbacks_set_on_frame_recv_callback(table, on_frame);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, on_data);
            nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, on_invalid_frame);
            nghttp2_session_callbacks_set_on_frame_send_callback(table, on_frame_sent);
            nghttp2_session_callbacks_set_on_stream_close_callback(table, on_stream_close);
            nghttp2_session_callbacks_set_error_callback2(table, on_error);
            return table;
        }();
        return made;
    }
};

Http2Exchange::Http2Exchange(net::AsyncStream& stream, Http2Request request)
    : stream_(stream), request_(std::move(request)) {}

Http2Exchange::~Http2Exchange() = default;

std::optional<std::string_view> Http2Exchange::find(const Http2Fields& fields, std::string_view name) {
    const auto it = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
    if (it == fields.end()) return std::nullopt;
    return it->second;
}

Result<void> Http2Exchange::submit() {
    if (stream_.is_secure() && stream_.alpn() != "h2")
        return Error("the backend does not speak HTTP/2: it did not select h2 by ALPN");
    nghttp2_session* made = nullptr;
    if (nghttp2_session_client_new(&made, Callbacks::table(), this) != 0) return Error("no memory for HTTP/2");
    session_.reset(made);
    constexpr std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                  nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_head}};
    const int told = nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    std::vector<nghttp2_nv> fields{field_of(":method", request_.method),
                                   field_of(":scheme", stream_.is_secure() ? "https" : "http"),
                                   field_of(":authority", request_.authority), field_of(":path", request_.path)};
    for (const auto& [name, value] : request_.headers) fields.push_back(field_of(name, value));
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = Callbacks::read_body;
    id_ = nghttp2_submit_request(made, nullptr, fields.data(), fields.size(), request_.body.empty() ? nullptr : &body,
                                 nullptr);
    if (told != 0 || id_ < 0) return Error("no memory for HTTP/2");
    return {};
}

// A field section is whole: the head of an interim or the final response, or the trailers.
void Http2Exchange::take_section() {
    if (status_ != 0) {
        trailers_ = std::exchange(section_, {});
        return;
    }
    const auto text = find(section_, ":status").value_or("");
    unsigned status = 0;
    std::from_chars(text.data(), text.data() + text.size(), status); // the library has checked it
    if (status >= 200) {
        status_ = status;
        head_ = std::exchange(section_, {});
    } else if (++interim_ > max_interim) {
        Callbacks::fail(*this, "more than " + std::to_string(max_interim) + " interim responses");
    }
}

asio::awaitable<Result<void>> Http2Exchange::flush() {
    std::string out;
    for (;;) {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
        if (size < 0) co_return Error(nghttp2_strerror(static_cast<int>(size)));
        if (size == 0) break;
        out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    if (out.empty()) co_return Result<void>();
    const auto [error, _] = co_await asio::async_write(stream_, asio::buffer(out), use_nothrow_awaitable);
    if (error) co_return Error("cannot send: " + error.message());
    co_return Result<void>();
}

// Gives the library what has arrived. The first bytes show whether the server speaks HTTP/2 at all.
Result<void> Http2Exchange::feed(std::string_view bytes) {
    received_ += bytes.size();
    if (received_ > max_received) return Error("the response is larger than 1MiB");
    if (!has_fed_) {
        first_bytes_ += bytes;
        if (first_bytes_.starts_with("HTTP/")) return Error("the backend answers with HTTP/1.1, not with HTTP/2");
        if (first_bytes_.size() < frame_header_size) return {};
        has_fed_ = true;
        bytes = first_bytes_;
    }
    const auto taken =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) return Error(std::string("malformed: ") + nghttp2_strerror(static_cast<int>(taken)));
    return {};
}

asio::awaitable<Result<void>> Http2Exchange::receive() {
    std::array<char, 16 * 1024> piece;
    const auto [error, size] = co_await stream_.async_read_some(asio::buffer(piece), use_nothrow_awaitable);
    if (error && has_fed_) co_return Error(error.message());
    if (error == asio::error::eof) co_return Error("the connection was closed: does the backend speak HTTP/2?");
    if (error) co_return Error(error.message());
    co_return feed({piece.data(), size});
}

asio::awaitable<Result<void>> Http2Exchange::read_until(std::function<bool()> is_enough) {
    for (;;) {
        // Before it is judged: answers, and what the library says about errors that it has found.
        const auto sent = co_await flush();
        if (has_ended_ || is_enough()) co_return Result<void>();
        if (!failure_.empty()) co_return Error(failure_);
        if (!sent) co_return sent.error();
        const auto received = co_await receive();
        if (!received) co_return received.error();
    }
}

asio::awaitable<Result<void>> Http2Exchange::read_head() {
    const auto submitted = submit();
    if (!submitted) co_return submitted.error();
    co_return co_await read_until([this] { return status_ != 0; });
}

asio::awaitable<void> Http2Exchange::finish() {
    if (!session_) co_return;
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
    const auto ignored = co_await flush();
    static_cast<void>(ignored);
}

} // namespace weir::health
