// The fleet resources of the admin API: the fleet's state, its lock, its denylist, and its configurations.
//
// Thread: the control thread.
// Lifetime: the clock and the reloader must outlive it.
#pragma once

#include "base/clock.h"
#include "conf/store/last_good.h"
#include "proxy/admin/message.h"
#include "proxy/reload/reloader.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <ctime>

namespace weir::proxy::admin {

class FleetApi {
public:
    FleetApi(const Clock& clock, Reloader& reloader) : clock_(clock), reloader_(reloader) {}

    // Returns true if the request is for a fleet resource.
    static bool is_meant(const Request& request);
    boost::asio::awaitable<Response> answer(const Request& request);

private:
    using Records = std::shared_ptr<lock::FleetRecords>;
    using Configs = std::shared_ptr<lock::FleetConfigs>;

    boost::asio::awaitable<Response> show(const Request& request, Records records);
    boost::asio::awaitable<Response> break_lock(const Request& request, Records records);
    boost::asio::awaitable<Response> unban(const Request& request, Records records);
    boost::asio::awaitable<Response> push(const Request& request, Records records, Configs configs);
    boost::asio::awaitable<Response> roll_back(const Request& request, Records records, Configs configs);
    boost::asio::awaitable<Response> push_bundle(const Request& request, Records records, Configs configs,
                                                 conf::LastGood bundle);
    std::time_t wall_seconds() const { return std::chrono::system_clock::to_time_t(clock_.wall_now()); }

    const Clock& clock_;
    Reloader& reloader_;
};

} // namespace weir::proxy::admin
