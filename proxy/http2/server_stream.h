// One request and its response on a client's HTTP/2 connection, as bytes in and out for an exchange.
//
//   received   the body of the request, without framing; its end is END_STREAM
//   sent       the response as HTTP/1.1 text: heads, of which all but the last are interim, then the body without
//              framing; its end is finish_sending()
//
//   state of the user    none (before the request is handed over) ─→ attached ─→ gone (after close())
//   state of the stream  open ─→ closed (both sides have ended, or a reset has been sent or received)
//   The connection frees it once the user is none or gone and the stream is closed.
//
// A client that sends a body faster than it is used fills its window (RFC 9113 section 5.2), which holds back this
// stream alone. A response that the client does not take fills the buffer here, which holds back the exchange.
//
// Thread: one worker's thread.
// Lifetime: the connection owns it.
#pragma once

#include "proxy/io/buffer.h"
#include "proxy/io/multiplexed_stream.h"

#include <cstdint>
#include <string>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

class ServerConnection;

inline constexpr std::size_t data_header_size = 9; // RFC 9113 section 4.1
// A DATA frame of this size, with its header, fills one record of TLS, and a flush has as many as TlsConnection::send
// takes at once. So the encrypted bytes are sent in few, large pieces.
inline constexpr std::size_t data_frame_size = 16 * 1024 - data_header_size;
inline constexpr std::size_t data_frames_at_a_time = 3;
inline constexpr std::size_t flush_size = data_frames_at_a_time * (data_header_size + data_frame_size);

class ServerStream final : public MultiplexedStream {
public:
    ServerStream(ServerConnection& connection, std::int32_t id) : connection_(connection), id_(id) {}
    ServerStream(const ServerStream&) = delete;
    ServerStream& operator=(const ServerStream&) = delete;

    std::int32_t id() const { return id_; }
    // Returns true once nothing more can be sent or received.
    bool is_closed() const { return closed_; }
    // Returns the number of bytes of the response that the library has taken. It grows as the client reads.
    std::uint64_t taken() const { return taken_; }

    IoResult receive(std::span<char> into) override;
    IoResult send(std::span<const iovec> parts) override;
    void finish_sending() override;
    // The request states that its body has this length. Its last byte is not received before the stream ends, so that a
    // body that turns out to be longer never looks complete to a backend (RFC 9113 section 8.1.1).
    void expect_length(std::uint64_t bytes) { length_left_ = bytes; }
    // Resets the stream because its request is malformed.
    void refuse() { reset(NGHTTP2_PROTOCOL_ERROR); }
    // Gracefully: ends the response, if it has begun. Otherwise, and if the response is not to look complete, resets
    // the stream.
    void close(HowToClose how) override;
    void set_waker(Waker& waker) override { user_ = &waker; }
    void wake_user() override {
        if (user_) user_->wake();
    }
    std::string_view trailers() const override { return received_trailers_; }
    void set_trailers(std::string_view lines) override { trailers_ = lines; }
    bool readable() const override { return receivable() > 0 || end_received_ || closed_; }
    bool writable() const override { return !is_full_ || closed_; }
    bool broken() const override { return closed_ && !is_complete(); }
    bool fin_received() const override { return end_received_; }
    bool at_end() const override { return in_.empty() && (end_received_ || closed_); }
    std::size_t unsent_bytes() const override { return out_.size(); }
    conf::Address local() const override;
    TlsConnection* tls() const override;

    void* operator new(std::size_t bytes);
    void operator delete(void* block, std::size_t bytes) noexcept;

private:
    friend class ServerConnection;
    friend struct ServerCallbacks;

    // What is expected next from the user.
    enum class Sending : std::uint8_t { head, body, finished };

    bool is_complete() const { return sending_ == Sending::finished && end_sent_; }
    bool has_user() const { return user_ != nullptr; }
    std::size_t receivable() const;
    std::size_t take_head(std::string_view bytes);
    void end_head();
    std::size_t take_body(std::string_view bytes);
    void submit_final_head();
    void resume();
    void reset(std::uint32_t error_code);

    ServerConnection& connection_;
    const std::int32_t id_;
    Waker* user_ = nullptr;
    ServerStream *previous_ = nullptr, *next_ = nullptr; // in the connection's list
    Buffer in_;                                          // of the request's body, not used yet
    Buffer head_;                                        // of the response, until it is submitted
    Buffer out_;                                         // of the response's body, not taken by the library yet
    std::uint64_t taken_ = 0;
    std::uint64_t length_left_ = 0; // of a body whose length is known; 0: it is not
    std::string received_trailers_, trailers_;
    std::string websocket_key_;     // of an extended CONNECT; empty: the request is none
    Sending sending_ = Sending::head;
    bool is_refused_ = false; // its head is no legal request
    bool is_held_ = false;    // in_ is the head of the request until its stream ends
    bool arrives_ = true;     // it has not been handed over to the listener
    bool end_received_ = false, end_sent_ = false, closed_ = false;
    bool submitted_ = false; // the library has the final head, or there will be none
    bool deferred_ = false;  // the library waits for more of the body
    bool is_full_ = false;   // the user waits for room
    bool is_reset_ = false;  // weir has submitted a reset
    bool is_to_wake_ = false, is_to_submit_ = false; // in the connection's lists
};

} // namespace weir::proxy::http2
