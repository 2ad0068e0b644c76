// What the admin API answers: paths, methods and bodies, without the connection.
//
// Thread: the control thread.
// Lifetime: what it shows must outlive it.
#pragma once

#include "proxy/admin/fleet_api.h"
#include "proxy/admin/guard.h"
#include "proxy/http/head.h"
#include "proxy/reloader.h"

#include <boost/asio/awaitable.hpp>

#include <optional>

namespace weir::proxy::admin {

class Api {
public:
    Api(Running& running, Reloader& reloader, conf::AdminAddress own, std::string token)
        : running_(running), reloader_(reloader), fleet_(reloader), own_(std::move(own)), token_(std::move(token)) {}

    // A GET never changes anything.
    boost::asio::awaitable<Response> answer(const Request& request);
    // The short way for beats (beat_lane.h). Unset where it is something else, or must be looked at more closely.
    std::optional<BeatAnswer> answer_beat(const proxy::http::RequestHead& head, std::string_view body) const;
    static bool is_beat(const Request& request);

    // While an upgrade is under way, what is changed here could be lost: it is refused.
    void set_upgrading(bool upgrading) { upgrading_ = upgrading; }
    void set_draining() { draining_ = true; }
    // A new process answers from here on: connections that are kept are to come back to it.
    void set_leaving() { leaving_ = true; }
    bool is_leaving() const { return leaving_; }

private:
    boost::asio::awaitable<Response> reload(const Request& request);
    boost::asio::awaitable<Response> change_backend(const Request& request);
    Response show(const Request& request) const;

    Running& running_;
    Reloader& reloader_;
    FleetApi fleet_;
    const conf::AdminAddress own_;
    const std::string token_;
    const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
    bool draining_ = false, leaving_ = false, upgrading_ = false;
};

} // namespace weir::proxy::admin
