// An HTTP/2 connection (RFC 9113), whichever end weir is: libnghttp2 between a Stream of bytes and the streams of
// requests.
//
//   Stream ─→ library ─→ ConnectionStream ─→ its user
//   Stream ←─ FrameOutput ←─ library ←─ ConnectionStream ←─ its user
//
// The library is used in turns: feed it bytes, then act on what has arrived and wake the streams that have events, then
// drain its output. Its callbacks only take notes, because the library must not be entered again from them. Output is
// sent once in a round of events, for all streams together.
//
// Thread: one worker's thread.
// Lifetime: the stream, the waiter, the loop and the pools must outlive it. All users of its streams must have closed
// them before it is destroyed.
#pragma once

#include "proxy/http2/frame_output.h"
#include "proxy/http2/pools.h"
#include "proxy/http2/session_memory.h"
#include "proxy/http2/stream_set.h"
#include "proxy/io/event_loop.h"
#include "proxy/io/stream.h"
#include "proxy/io/waiter.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// What a connection stands on.
struct Transport {
    Stream& stream;
    Waiter& waiter; // of the coroutine that calls run_turn() when it is woken
    EventLoop& loop;
    Pools pools;
};

class Connection {
public:
    explicit Connection(const Transport& transport);
    virtual ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Receives, acts on what has arrived, wakes streams and sends, as far as possible. Returns false once the
    // connection is over: the peer has left or broken the protocol, or everything has been sent after a GOAWAY.
    bool run_turn();

    // Tells the peer that no streams are accepted from now on. Those that are open go on.
    void shut_down();
    // Fails all streams that have not failed yet, so that their users close them. Nothing can be sent afterwards.
    void fail_streams(StreamFailure failure = {});

    bool has_streams() const { return !streams_.empty(); }
    // Returns true if the peer sends no more: the connection is over when its streams are.
    bool has_input_ended() const { return input_ended_; }
    // Returns the error code of the GOAWAY that weir has sent; NGHTTP2_NO_ERROR if it has sent none.
    std::uint32_t error_code() const { return error_code_; }
    // Returns true if the peer has sent something that HTTP/2 does not allow, or flooded weir.
    bool has_failed() const { return error_code_ != NGHTTP2_NO_ERROR; }

    const Pools& pools() const { return transport_.pools; }
    conf::Address local() const { return transport_.stream.local(); }
    TlsConnection* tls() const { return transport_.stream.tls(); }

    // For the streams.
    nghttp2_session* session() const { return session_.get(); }
    std::vector<nghttp2_nv>& fields() { return fields_; } // of the head that is being submitted
    std::size_t window_of(std::int32_t id) const;
    void consume(std::int32_t id, std::size_t bytes);
    void request_flush();
    void submit_later(ConnectionStream& stream) { streams_.to_submit.add(stream); }
    void resume(std::int32_t id) { nghttp2_session_resume_data(session(), id); }
    void reset(ConnectionStream& stream, std::uint32_t error_code);
    virtual void release(ConnectionStream& stream);

protected:
    friend struct ConnectionCallbacks;

    struct DeleteSession {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };

    // The library is about to be fed these bytes.
    virtual void on_bytes(std::string_view bytes) = 0;
    // It has been fed: the streams can be used. Returns the code with which the connection must end now;
    // NGHTTP2_NO_ERROR if it goes on. `taken` is the library's result.
    virtual std::uint32_t on_fed(ssize_t taken) = 0;
    // Returns true if the connection is over although it has streams: the peer sends no more.
    virtual bool is_over_without_input() const = 0;
    virtual void on_goaway_sent(std::uint32_t error_code) = 0;
    virtual void on_stream_removed() = 0;

    Stream& stream() const { return transport_.stream; }
    EventLoop& loop() const { return transport_.loop; }
    bool feed(std::string_view bytes);
    void wake_later(ConnectionStream& stream) { streams_.to_wake.add(stream); }
    void remove_stream(ConnectionStream& stream);

    SessionMemory memory_;
    std::unique_ptr<nghttp2_session, DeleteSession> session_;
    StreamSet streams_;
    FrameOutput out_;
    std::uint32_t error_code_ = NGHTTP2_NO_ERROR;

private:
    bool receive();
    void end_with(std::uint32_t error_code);
    void wake_streams();
    bool flush();

    const Transport transport_;
    std::vector<nghttp2_nv> fields_;
    bool in_turn_ = false, flush_requested_ = false, is_fatal_ = false;
    bool input_ended_ = false; // the peer has sent close_notify: it may still read
};

// Makes the options that both ends use: windows are updated as bodies are used. Returns null if there is no memory.
struct DeleteOption {
    void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
std::unique_ptr<nghttp2_option, DeleteOption> make_options();

// The connection's own window never closes: each stream's bounds what the connection holds.
inline constexpr std::int32_t connection_window = 0x7fffffff;

} // namespace weir::proxy::http2
