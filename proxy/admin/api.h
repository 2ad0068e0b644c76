// The resources of the admin API: paths, methods and bodies, independent of connections.
//
// Thread: the control thread.
// Lifetime: the clock, the runtime and the reloader must outlive it.
#pragma once

#include "base/clock.h"
#include "proxy/admin/fleet_api.h"
#include "proxy/admin/guard.h"
#include "proxy/http1/head.h"
#include "proxy/reload/reloader.h"

#include <boost/asio/awaitable.hpp>

#include <optional>

namespace weir::proxy::admin {

class Api {
public:
    Api(const Clock& clock, Runtime& runtime, Reloader& reloader, AccessRules rules)
        : clock_(clock), runtime_(runtime), reloader_(reloader), fleet_(clock, reloader), rules_(std::move(rules)) {}

    // Decides from the head alone whether to accept a request, before its body is read.
    Verdict check(const RequestHeader& request) const;
    // Returns the largest body that an accepted request may have, in bytes.
    static std::size_t max_body(const RequestHeader& request);
    // Returns the response to an accepted request. GET and HEAD never change anything.
    boost::asio::awaitable<Response> answer(const Request& request);
    // Handles a heartbeat on the fast path (heartbeat_connections.h). Returns nothing if the request needs the regular
    // path.
    std::optional<HeartbeatAnswer> answer_heartbeat(const proxy::http::RequestHead& head, std::string_view body) const;
    // Returns true if the request is for the heartbeat resource.
    static bool is_heartbeat(const RequestHeader& request);

    // Returns the TLS context for new connections; null: plain.
    std::shared_ptr<const tls::ServerContext> tls() const { return runtime_.snapshot()->files.tls.admin; }

    // During a hot restart, changes of backends are refused, because they could be lost.
    void set_upgrading(bool upgrading) { upgrading_ = upgrading; }
    void set_draining() { draining_ = true; }
    // After a hot restart, responses close their connections, so that clients reconnect to the new process.
    void set_leaving() { leaving_ = true; }
    bool is_leaving() const { return leaving_; }

private:
    boost::asio::awaitable<Response> route(const Request& request);
    boost::asio::awaitable<Response> reload(const Request& request);
    boost::asio::awaitable<Response> abort_reload(const Request& request);
    boost::asio::awaitable<Response> plan(const Request& request);
    boost::asio::awaitable<Response> change_backend(const Request& request);
    Response show(const Request& request) const;

    const Clock& clock_;
    Runtime& runtime_;
    Reloader& reloader_;
    FleetApi fleet_;
    const AccessRules rules_;
    std::size_t waiting_ = 0; // requests that wait for a reload, an abort or a preview
    const Clock::TimePoint started_ = clock_.now();
    bool draining_ = false, leaving_ = false, upgrading_ = false;
};

} // namespace weir::proxy::admin
