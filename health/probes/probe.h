// One check of one backend. Each kind of probe is a pair of files and a line in make_probe(); thresholds.h decides what
// the result means for the backend.
//
// Thread: the control thread; nothing blocks.
// Lifetime: a probe must outlive the coroutines that it started.
#pragma once

#include "conf/model/config.h"
#include "conf/model/endpoint.h"
#include "health/probes/probe_tls.h"
#include "health/rules/thresholds.h"
#include "net/async_stream.h"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::health {

struct ProbeResult {
    ProbeOutcome outcome;
    std::string text; // a short description of the answer, or of the failure
};

class Probe {
public:
    virtual ~Probe() = default;

    // Runs the probe over an established connection. Every failure is a result; no exception is thrown for it. When the
    // timeout expires, the caller closes the connection, which makes every operation fail.
    virtual boost::asio::awaitable<ProbeResult> talk(net::AsyncStream& stream, const conf::Endpoint& address) = 0;
};

// Returns a probe of the type that the check names. A check of type http speaks the given version of HTTP.
std::unique_ptr<Probe> make_probe(const conf::HealthCheck& check, conf::BackendProtocol protocol);

// Returns the protocols that such a probe offers inside TLS, as ProbeTarget::alpn.
std::string_view alpn_of(conf::CheckType type, conf::BackendProtocol protocol);

// Returns the PROXY header for a connection that weir opens on its own behalf, not for a client; empty for
// ProxyProtocol::none.
std::string_view own_proxy_header(conf::ProxyProtocol version);

// The result of connecting; `failure` is unset if the connection was established.
struct ProbeConnection {
    std::optional<ProbeResult> failure;
    bool timed_out = false;
};

// Where and how a probe connects.
struct ProbeTarget {
    conf::Endpoint address;
    std::string_view header; // the first bytes of the connection, before TLS
    ProbeTls tls;
    std::string_view alpn; // the protocols to offer inside TLS, separated by commas; empty: none is stated
};

// Connects within `timeout`, sends the header and completes the TLS handshake. The stream must not be open yet.
boost::asio::awaitable<ProbeConnection> connect_probe(net::AsyncStream& stream, ProbeTarget target,
                                                      conf::Duration timeout);

// Connects and runs the probe, within `timeout` in total. Closes the connection at the end.
boost::asio::awaitable<ProbeResult> run_probe(Probe& probe, ProbeTarget target, conf::Duration timeout);

} // namespace weir::health
