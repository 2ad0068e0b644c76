// A client's HTTP/2 connection: runs an exchange for each of its streams, all at once, and ends the connection in
// order.
//
//   serving ─ weir or the listener drains ─→ announced ─ a second later ─→ closing ─ the last stream ends ─→ over
//      └───── no request for too long ────────────────────────────────────────↑
//
//   announced   the client knows that it should open no more streams (GOAWAY with the highest id); those that it opens
//               before it knows are served
//   closing     new streams are refused (GOAWAY with the last id), which the client may repeat elsewhere
//
// Thread: one worker's thread.
// Lifetime: lives in its session's coroutine, and ends only after all its requests.
#pragma once

#include "proxy/http/http2_request.h"
#include "proxy/http2/server_connection.h"
#include "proxy/worker/open_work.h"

#include <string_view>

namespace weir::proxy::http {

class Http2Session final : private http2::RequestListener, private RequestOwner {
public:
    // `client` is the connection.
    explicit Http2Session(Client& client);
    ~Http2Session() { counters().on_connection_closed(); }
    Http2Session(const Http2Session&) = delete;
    Http2Session& operator=(const Http2Session&) = delete;

    // Serves the connection until it is over. `first` has been received already.
    Task<> run(std::string_view first);
    // Returns why the connection was ended, if the client is to blame.
    Failure failure() const;

    // Aborts the requests that came through this traffic path.
    void cut(const TrafficPath& path);
    void add_work(OpenWork& work) const;

private:
    enum class Phase { serving, announced, closing };

    void on_request(http2::ArrivedRequest request) override;
    void on_stream_opened() override { counters().on_stream_opened(); }
    void on_stream_closed() override { counters().on_stream_closed(); }
    void on_reset_received(std::uint32_t code) override { counters().on_reset(ResetBy::client, code); }
    void on_reset_sent(std::uint32_t code) override { counters().on_reset(ResetBy::weir, code); }
    void on_goaway_sent(std::uint32_t code) override { counters().on_goaway(code); }
    void on_request_ended(Http2Request& request) override;
    bool proceed();
    void set_idle_deadline();
    Task<> end_requests();

    Http2Counters& counters() { return client_.counters().http2; }

    Client& client_;
    http2::ServerConnection connection_;
    Http2Request* first_ = nullptr; // of all requests
    Phase phase_ = Phase::serving;
    bool ends_ = false; // the connection is over: only requests are left
};

} // namespace weir::proxy::http
