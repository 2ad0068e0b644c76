// Closes connections whose time limit has passed: those to backends in maintenance after the drain timeout, and those
// to removed backends, routes and listeners after the pool's close_after, if it is set.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it.
#pragma once

#include "proxy/snapshot/snapshot.h"
#include "proxy/snapshot/traffic_path.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

namespace weir::proxy {

class ConnectionReaper {
public:
    using CloseBackend = std::function<void(const balancer::BackendPtr&)>;
    using ClosePath = std::function<void(const TrafficPath&)>;

    ConnectionReaper(boost::asio::io_context& control, CloseBackend close_backend, ClosePath close_path)
        : control_(control), close_backend_(std::move(close_backend)), close_path_(std::move(close_path)) {}

    // Called after `now` has replaced `before`, which may be null. Cancels deadlines of what is back.
    void update(const SnapshotPtr& before, const SnapshotPtr& now);

private:
    struct ScheduledClose;
    using ScheduledClosePtr = std::shared_ptr<ScheduledClose>;

    void schedule(ScheduledClosePtr& scheduled, conf::Duration after, std::function<void()> close);
    void update_backends(const SnapshotPtr& before, const Snapshot& now);
    void update_paths(const SnapshotPtr& before, const Snapshot& now);

    boost::asio::io_context& control_;
    CloseBackend close_backend_;
    ClosePath close_path_;
    std::unordered_map<const balancer::Backend*, ScheduledClosePtr> backends_;
    std::map<TrafficPath, ScheduledClosePtr> paths_;
};

} // namespace weir::proxy
