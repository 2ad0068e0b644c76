// Passes if the response to a request has an expected status and, if the check specifies expect_body, a body that
// contains this text. Only the first 64 KiB of the body are searched; the body is not read if no text is expected.
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

    explicit HttpProbe(conf::HealthCheck check) : check_(std::move(check)) {}

    boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) override;

private:
    class Response;

    bool expects(unsigned status) const;

    const conf::HealthCheck check_;
};

} // namespace weir::health
