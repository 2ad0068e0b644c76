// Passes if the response to a request has an expected status and, if the check specifies expect_body, a body that
// contains this text. Only the first 64 KiB of the body are searched; the body is not read if no text is expected. The
// request is one of HTTP/1.1 or HTTP/2.
//
// Thread: the control thread.
// Lifetime: the same as Probe.
#pragma once

#include "health/probes/probe.h"

#include <string>

namespace weir::health {

class HttpProbe final : public Probe {
public:
    static constexpr std::size_t max_body = 64 * 1024;

    HttpProbe(conf::HealthCheck check, conf::BackendProtocol protocol)
        : check_(std::move(check)), protocol_(protocol) {}

    boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) override;

private:
    bool expects(unsigned status) const;
    // Reads the response, which has read_head(), status() and search_body(), and returns what it means.
    template <class Response> boost::asio::awaitable<ProbeResult> judge(Response& response);
    boost::asio::awaitable<ProbeResult> talk_http2(net::AsyncStream& stream, const conf::Endpoint& address);

    const conf::HealthCheck check_;
    const conf::BackendProtocol protocol_;
};

} // namespace weir::health
