// The part of the admin API that is about the fleet: its state, its lock, what is known to be bad, and configurations
// for all of it.
//
// Thread: the control thread.
// Lifetime: the reloader must outlive it.
#pragma once

#include "conf/last_good.h"
#include "proxy/admin/message.h"
#include "proxy/reloader.h"

#include <boost/asio/awaitable.hpp>

namespace weir::proxy::admin {

class FleetApi {
public:
    explicit FleetApi(Reloader& reloader) : reloader_(reloader) {}

    static bool is_meant(const Request& request);
    boost::asio::awaitable<Response> answer(const Request& request);

private:
    using Records = std::shared_ptr<lock::FleetRecords>;
    using Configs = std::shared_ptr<lock::FleetConfigs>;

    boost::asio::awaitable<Response> show(const Request& request, Records records);
    boost::asio::awaitable<Response> break_lock(const Request& request, Records records);
    boost::asio::awaitable<Response> forgive(const Request& request, Records records);
    boost::asio::awaitable<Response> push(const Request& request, Records records, Configs configs);
    boost::asio::awaitable<Response> roll_back(const Request& request, Records records, Configs configs);
    boost::asio::awaitable<Response> give(const Request& request, Records records, Configs configs,
                                          conf::LastGood bundle);

    Reloader& reloader_;
};

} // namespace weir::proxy::admin
