// A backend's HTTP/2 connection: opens streams for requests, as many at a time as the backend allows.
//
//   connecting ─ SETTINGS of the backend ─→ ready ─ GOAWAY, or no stream ids are left ─→ closing ─→ over
//
// Until the backend's SETTINGS have come, it is unknown how many streams it allows, or whether it speaks HTTP/2 at all.
// A closing connection opens no streams; those that are open go on.
//
// Thread: one worker's thread.
// Lifetime: see Connection. The listener must outlive it.
#pragma once

#include "proxy/http1/head.h"
#include "proxy/http2/client_stream.h"
#include "proxy/http2/connection.h"
#include "proxy/http2/ping_rule.h"
#include "proxy/http2/response_text.h"

#include <cstdint>

namespace weir::proxy::http2 {

// Hears of a connection's events, within turns of the library.
class ClientListener {
public:
    virtual void on_reset_received(std::uint32_t error_code) = 0;
    virtual void on_reset_sent(std::uint32_t error_code) = 0;
    virtual void on_goaway_received(std::uint32_t error_code) = 0;
    virtual void on_stream_ended() = 0; // the stream has been freed

protected:
    ~ClientListener() = default;
};

struct ClientSettings {
    std::uint32_t streams; // the most that weir opens at a time, whatever the backend allows
    http::HeadLimits head; // of responses
    std::int32_t first_stream_id = 1;
};

class ClientConnection final : public Connection {
public:
    ClientConnection(const Transport& transport, ClientListener& listener);
    ~ClientConnection() override;

    // Begins the connection. Returns false if there is no memory.
    bool start(const ClientSettings& settings);
    // Returns true once the backend's SETTINGS have come.
    bool is_ready() const { return ready_; }
    // Returns true if no stream can be opened any more.
    bool is_closing() const;
    // Returns the number of streams that can be opened now.
    std::size_t room() const;
    bool allows_websockets() const; // RFC 8441 section 3
    // Opens a stream, for which there must be room. The caller must attach itself to it.
    ClientStream& open_stream();

    // Returns true if the backend has been asked whether it is alive, and has not answered yet.
    bool is_in_doubt() const { return pings_.is_asked(); }
    // Asks the backend whether it is alive, if it is time. Returns false if it has not answered the last time.
    bool keep_alive();
    // Returns when to call keep_alive() again, while there are streams or the connection is in doubt.
    TimePoint keep_alive_at() const { return pings_.next(); }

    void wake_user_of(ConnectionStream& stream) { wake_later(stream); }

private:
    friend struct ClientCallbacks;

    void on_bytes(std::string_view) override { pings_.on_bytes(loop().now()); }
    std::uint32_t on_fed(ssize_t taken) override;
    bool is_over_without_input() const override { return true; }
    void on_goaway_sent(std::uint32_t) override {}
    void on_stream_removed() override { listener_.on_stream_ended(); }

    ClientListener& listener_;
    ClientSettings settings_{};
    ResponseText text_;              // of the field section that is arriving
    std::size_t fields_arrived_ = 0; // of it
    PingRule pings_;
    bool ready_ = false;
    bool has_broken_rules_ = false; // found by weir: the library goes on
};

} // namespace weir::proxy::http2
