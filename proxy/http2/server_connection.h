// A client's HTTP/2 connection (RFC 9113): libnghttp2 between a Stream of bytes and the streams of requests.
//
//   Stream ─→ FloodGuard ─→ library ─→ ServerStream, RequestText ─→ RequestListener
//   Stream ←─ out_       ←─ library ←─ ServerStream
//
// The library is used in turns: feed it bytes, then hand over the requests that have arrived and wake the streams that
// have events, then drain its output. Its callbacks only take notes, because the library must not be entered again
// from them. Output is sent once in a round of events, for all streams together.
//
// Thread: one worker's thread.
// Lifetime: its session owns it; the stream, the pools and the listener must outlive it. All users of its streams must
// have closed them before it is destroyed.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/http2/flood_guard.h"
#include "proxy/http2/request_text.h"
#include "proxy/http2/server_stream.h"
#include "proxy/http2/session_memory.h"
#include "proxy/io/stream.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// A request whose field section has arrived.
struct ArrivedRequest {
    ServerStream* stream;
    Buffer head;                               // as HTTP/1.1 text; empty if the request is refused
    http::HeadResult refusal;                  // `complete`: it is not refused
    std::string method{}, path{}, authority{}; // of a refused request, for the logs
};

class RequestListener {
public:
    // Called for each request, between turns of the library: the stream may be used at once. The listener must attach
    // itself to the stream (Stream::open) or close it.
    virtual void on_request(ArrivedRequest request) = 0;

    // The functions below are called within turns of the library, for statistics.
    virtual void on_stream_opened() = 0;
    virtual void on_stream_closed() = 0;
    virtual void on_reset_received(std::uint32_t error_code) = 0;
    virtual void on_reset_sent(std::uint32_t error_code) = 0;
    virtual void on_goaway_sent(std::uint32_t error_code) = 0; // not for the announcement of a shutdown

protected:
    ~RequestListener() = default;
};

// Memory for the connection and its streams.
struct Pools {
    BufferPool& heads;
    BufferPool& bodies;
    BufferPool& small;

    // Returns the pool of the smallest blocks that hold `bytes`, as far as possible.
    BufferPool& for_bytes(std::size_t bytes) const {
        if (bytes <= small.block_size()) return small;
        return bytes <= heads.block_size() ? heads : bodies;
    }
};

struct ServerSettings {
    std::uint32_t streams; // maximum number of concurrent requests
    http::HeadLimits head;
};

class ServerConnection {
public:
    // `waiter` is that of the session, which calls run_turn() when it is woken.
    ServerConnection(Stream& stream, Waiter& waiter, EventLoop& loop, const Pools& pools, RequestListener& listener);
    ~ServerConnection();
    ServerConnection(const ServerConnection&) = delete;
    ServerConnection& operator=(const ServerConnection&) = delete;

    // Begins the connection. `first` has been received from the client already. Returns false if there is no memory.
    bool start(const ServerSettings& settings, std::string_view first);
    // Receives, hands over requests, wakes streams and sends, as far as possible. Returns false once the connection is
    // over: the client has left, has broken the protocol, or everything has been sent after a GOAWAY.
    bool run_turn();

    // Tells the client to open no more streams; those that it opens before it knows are served (RFC 9113 section 6.8).
    void announce_shutdown();
    // Refuses new streams from now on. Those that are open go on.
    void shut_down();
    // Fails all streams, so that their users close them. Nothing can be sent afterwards.
    void fail_streams();

    bool has_streams() const { return first_ != nullptr; }
    // Returns true if the client sends no more: the connection is over when its streams are.
    bool has_input_ended() const { return input_ended_; }
    // Returns the error code of the connection: the GOAWAY that weir has sent; NGHTTP2_NO_ERROR if it has sent none.
    std::uint32_t error_code() const { return error_code_; }
    // Returns true if the client has sent something that HTTP/2 does not allow, or flooded weir.
    bool has_failed() const { return error_code_ != NGHTTP2_NO_ERROR; }

    const Pools& pools() const { return pools_; }
    conf::Address local() const { return stream_.local(); }
    TlsConnection* tls() const { return stream_.tls(); }

private:
    friend class ServerStream;
    friend struct ServerCallbacks;
    struct DeleteSession {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };

    // For ServerStream.
    std::size_t window_of(std::int32_t id) const;
    void consume(std::int32_t id, std::size_t bytes);
    void submit_later(ServerStream& stream) {
        if (!std::exchange(stream.is_to_submit_, true)) to_submit_.push_back(&stream);
    }
    void submit_interim(ServerStream& stream);
    void submit_final(ServerStream& stream);
    void resume(ServerStream& stream);
    void reset(ServerStream& stream, std::uint32_t error_code);
    void request_flush();
    void release(ServerStream& stream);

    // Return whether weir has reset the stream not long ago; takes a note that it has.
    bool was_reset(std::int32_t id) const;
    void note_reset(std::int32_t id);

    bool receive();
    bool feed(std::string_view bytes);
    void end_with(std::uint32_t error_code);
    void deliver();
    void wake_streams();
    bool flush();
    bool has_room() const;
    void submit_heads();
    bool fill_out();
    bool send_out();
    void wake_later(ServerStream& stream) {
        if (!std::exchange(stream.is_to_wake_, true)) to_wake_.push_back(&stream);
    }
    ServerStream* add_stream(std::int32_t id);
    void free_stream(ServerStream& stream);

    Stream& stream_;
    Waiter& waiter_;
    EventLoop& loop_;
    const Pools pools_;
    RequestListener& listener_;
    SessionMemory memory_;
    std::unique_ptr<nghttp2_session, DeleteSession> session_;
    FloodGuard guard_;
    RequestText text_; // of the field section that is arriving
    http::HeadLimits limits_;
    Buffer out_;                                          // whole frames to be sent
    ServerStream* first_ = nullptr;                       // of all streams
    std::vector<ArrivedRequest> arrived_;                 // to be handed over
    std::vector<ServerStream*> to_wake_, to_submit_;      // null: freed since
    std::vector<nghttp2_nv> fields_;                      // of the head that is being submitted
    std::size_t preface_left_ = NGHTTP2_CLIENT_MAGIC_LEN; // bytes of the client's preface that have not arrived
    std::size_t fields_arrived_ = 0;                      // of the field section that is arriving
    std::vector<std::int32_t> recent_resets_;             // without memory until the first one
    std::size_t resets_ = 0, most_resets_ = 0;            // so far; that are remembered
    std::uint32_t error_code_ = NGHTTP2_NO_ERROR;
    bool in_turn_ = false, flush_requested_ = false, is_fatal_ = false;
    bool input_ended_ = false;      // the client has sent close_notify: it may still read
    bool has_broken_rules_ = false; // found by weir: the library goes on
};

} // namespace weir::proxy::http2
