// A client's HTTP/2 connection: hands over the requests that arrive, and watches for floods.
//
//   bytes ─→ FloodGuard ─→ library ─→ ServerStream, RequestText ─→ RequestListener
//
// Thread: one worker's thread.
// Lifetime: its session owns it; see Connection. The listener must outlive it.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/http2/connection.h"
#include "proxy/http2/flood_guard.h"
#include "proxy/http2/recent_resets.h"
#include "proxy/http2/request_text.h"
#include "proxy/http2/server_stream.h"

#include <cstdint>
#include <string>
#include <vector>

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

struct ServerSettings {
    std::uint32_t streams; // maximum number of concurrent requests
    http::HeadLimits head;
};

class ServerConnection final : public Connection {
public:
    ServerConnection(const Transport& transport, RequestListener& listener);
    ~ServerConnection() override;

    // Begins the connection. `first` has been received from the client already. Returns false if there is no memory.
    bool start(const ServerSettings& settings, std::string_view first);
    // Tells the client to open no more streams; those that it opens before it knows are served (RFC 9113 section 6.8).
    void announce_shutdown();

private:
    friend struct ServerCallbacks;

    void on_bytes(std::string_view bytes) override;
    std::uint32_t on_fed(ssize_t taken) override;
    bool is_over_without_input() const override { return false; } // it may wait for responses
    void on_goaway_sent(std::uint32_t error_code) override { listener_.on_goaway_sent(error_code); }
    void on_stream_removed() override { listener_.on_stream_closed(); }
    void deliver();
    ServerStream* add_stream(std::int32_t id);

    RequestListener& listener_;
    FloodGuard guard_;
    RequestText text_;               // of the field section that is arriving
    std::size_t fields_arrived_ = 0; // of it
    http::HeadLimits limits_;
    std::vector<ArrivedRequest> arrived_;                 // to be handed over
    RecentResets resets_;                                 // by weir
    std::size_t preface_left_ = NGHTTP2_CLIENT_MAGIC_LEN; // bytes of the client's preface that have not arrived
    bool has_broken_rules_ = false;                       // found by weir: the library goes on
};

} // namespace weir::proxy::http2
