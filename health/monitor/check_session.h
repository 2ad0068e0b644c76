// Checks one backend in one way for as long as its configuration stays the same: with repeated probes
// (probe_session.h), with one heartbeat at a time (heartbeat_session.h), or by waiting for heartbeats (push_session.h).
//
// Thread: the control thread; nothing blocks.
// Lifetime: shared; operations in flight hold the session and end soon after `stop`.
#pragma once

#include "conf/model/config.h"
#include "health/monitor/record.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <random>
#include <string_view>
#include <utility>

namespace weir::health {

// The inputs of a session. `phase`, from 0 to 1, is the backend's position within the interval, which spreads the
// checks of many backends.
struct CheckInputs {
    boost::asio::io_context* context;
    std::shared_ptr<Record> record;
    conf::HealthCheck check;
    conf::ProxyProtocol proxy_protocol; // the PROXY protocol version that the backend's own port expects
    conf::BackendProtocol protocol;     // the version of HTTP that the backend's own port speaks
    ProbeTls tls;
    std::shared_ptr<std::mt19937> random;
    double phase;

    // These functions return the address that the check connects to, and the bytes that each connection begins with.
    conf::Endpoint address() const {
        auto address = record->backend().address();
        if (check.port) address.set_port(static_cast<std::uint16_t>(check.port));
        return address;
    }
    std::string_view proxy_header() const { return check.port ? std::string_view() : own_proxy_header(proxy_protocol); }
    // Returns the version of HTTP for the check. A responder on another port need not speak that of the backend: it
    // gets HTTP/1.1, or with TLS the version that it selects.
    conf::BackendProtocol http_version() const {
        if (check.port == 0 || protocol == conf::BackendProtocol::http1) return protocol;
        return tls.context ? conf::BackendProtocol::automatic : conf::BackendProtocol::http1;
    }
    ProbeTarget target() const { return {address(), proxy_header(), tls, alpn_of(check.type, http_version())}; }
    // Returns a random number from 0 to 1.
    double roll() const { return std::uniform_real_distribution<double>(0, 1)(*random); }
};

class CheckSession {
public:
    virtual ~CheckSession() = default;

    // Starts the checks. Called once.
    virtual void start() = 0;
    // Ends the session; the results of checks in flight are discarded.
    virtual void stop() = 0;
    // Continues with new inputs and keeps the check in flight. Returns false if that is not possible.
    virtual bool take_over(const CheckInputs&) { return false; }
    // Records that the backend has sent a heartbeat.
    virtual void beat() {}
};

using CheckSessionPtr = std::shared_ptr<CheckSession>;

// Returns a session for the type and mode of the check. The session has not been started yet.
CheckSessionPtr make_check_session(CheckInputs inputs);

} // namespace weir::health
