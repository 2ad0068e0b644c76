// One stream of an HTTP/2 connection, as bytes in and out. What both ends have in common: the bodies, with their flow
// control and their trailers. How heads become bytes, and bytes heads, is for ServerStream and ClientStream.
//
//   state of the user    none (before it is attached) ─→ attached ─→ gone (after close())
//   state of the stream  open ─→ closed (both sides have ended, or a reset has been sent or received)
//   The connection frees it once the user is none or gone and the stream is closed.
//
// A peer that sends a body faster than it is used fills its window (RFC 9113 section 5.2), which holds back this stream
// alone. A body that the peer does not take fills the buffer here, which holds back the user.
//
// Thread: one worker's thread.
// Lifetime: the connection owns it.
#pragma once

#include "proxy/http2/frame_output.h"
#include "proxy/io/buffer.h"
#include "proxy/io/multiplexed_stream.h"

#include <cstdint>
#include <string>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

class Connection;

class ConnectionStream : public MultiplexedStream {
public:
    ConnectionStream(Connection& connection, std::int32_t id) : connection_(connection), id_(id) {}
    virtual ~ConnectionStream() = default;
    ConnectionStream(const ConnectionStream&) = delete;
    ConnectionStream& operator=(const ConnectionStream&) = delete;

    std::int32_t id() const { return id_; }
    // Returns true once nothing more can be sent or received.
    bool is_closed() const { return closed_; }
    // Returns the number of bytes of the body that the library has taken. It grows as the peer reads.
    std::uint64_t taken() const { return taken_; }
    // The body that is received has this length. Its last byte is not received before the stream ends, so that a body
    // that turns out to be longer never looks complete (RFC 9113 section 8.1.1).
    void expect_length(std::uint64_t bytes) { length_left_ = bytes; }
    // Returns true if the body would be longer than expected with so many bytes more.
    bool exceeds_length(std::size_t more) const { return length_left_ > 0 && in_.size() + more > length_left_; }

    IoResult receive(std::span<char> into) override;
    IoResult send(std::span<const iovec> parts) override;
    void finish_sending() override;
    std::string_view trailers() const override { return end_received_ ? received_trailers_ : std::string_view(); }
    void set_trailers(std::string_view lines) override { trailers_ = lines; }
    void set_waker(Waker& waker) override { user_ = &waker; }
    void wake_user() override {
        if (user_) user_->wake();
    }
    bool readable() const override { return receivable() > 0 || end_received_ || closed_; }
    bool writable() const override { return !is_full_ || closed_; }
    bool broken() const override { return closed_ && !is_complete(); }
    bool fin_received() const override { return end_received_; }
    bool at_end() const override { return in_.empty() && (end_received_ || closed_); }
    std::size_t unsent_bytes() const override { return out_.size(); }
    conf::Address local() const override;
    TlsConnection* tls() const override;
    StreamFailure failure() const override { return failure_; }

    void* operator new(std::size_t bytes);
    void operator delete(void* block, std::size_t bytes) noexcept;

protected:
    friend class Connection;
    friend class StreamQueue;
    friend class StreamSet;
    friend struct ConnectionCallbacks;

    // What is expected next from the user.
    enum class Sending : std::uint8_t { head, body, finished };

    // A whole head has been taken into `head_`.
    virtual void end_head() = 0;
    // Submits the head to the library, with what is known of the body.
    virtual void submit() = 0;
    // The user has closed the stream. May free it.
    void end_use();

    bool is_complete() const { return sending_ == Sending::finished && end_sent_; }
    bool has_user() const { return user_ != nullptr; }
    bool has_body_to_send() const { return sending_ != Sending::finished || !out_.empty() || !trailers_.empty(); }
    std::size_t receivable() const;
    bool take_data(std::string_view bytes);
    std::size_t take_head(std::string_view bytes);
    std::size_t take_body(std::string_view bytes);
    void resume();
    void reset(std::uint32_t error_code);
    void submit_trailers(nghttp2_session* session);

    Connection& connection_;
    std::int32_t id_; // 0: not known yet
    Waker* user_ = nullptr;
    ConnectionStream *previous_ = nullptr, *next_ = nullptr; // in the connection's set
    std::size_t place_to_wake_ = 0, place_to_submit_ = 0;    // in the set's queues
    Buffer in_;                                              // of the body that is received, not used yet
    Buffer head_;                                            // to be sent, until it is submitted
    Buffer out_;                                             // of the body to be sent, not taken by the library yet
    std::uint64_t taken_ = 0;
    std::uint64_t length_left_ = 0; // of a received body whose length is known; 0: it is not
    std::string received_trailers_, trailers_;
    StreamFailure failure_{};
    Sending sending_ = Sending::head;
    bool end_received_ = false, end_sent_ = false, closed_ = false;
    bool submitted_ = false; // the library has the final head, or there will be none
    bool deferred_ = false;  // the library waits for more of the body
    bool is_full_ = false;   // the user waits for room
    bool is_reset_ = false;  // weir has submitted a reset
};

} // namespace weir::proxy::http2
