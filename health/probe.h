// One look at one backend. Each kind of probe is a file pair and a line in the factory; what its result means for the
// backend is decided elsewhere (thresholds.h).
//
// Thread: the control thread; nothing blocks.
// Lifetime: a probe must outlive the coroutines that it started.
#pragma once

#include "conf/config.h"
#include "health/thresholds.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace weir::health {

struct ProbeResult {
    ProbeOutcome outcome;
    std::string why; // of a failure, in a few words
};

using Socket = boost::asio::ip::tcp::socket;

class Probe {
public:
    virtual ~Probe() = default;

    // Talks to the backend over a connected socket. The caller closes the socket when the time is up: every operation
    // fails then, and that is all there is to a timeout.
    virtual boost::asio::awaitable<ProbeResult> talk(Socket& socket, const conf::Address& address) = 0;
};

std::unique_ptr<Probe> make_probe(const conf::HealthCheck& check);

// The PROXY header of a connection that is weir's own, for backends that insist on one; empty for ProxyProtocol::none.
std::string_view own_proxy_header(conf::ProxyProtocol version);

// Connects, sends `header`, and talks, within `timeout` in all.
boost::asio::awaitable<ProbeResult> run_probe(Probe& probe, conf::Address address, std::string_view header,
                                              conf::Duration timeout);

} // namespace weir::health
