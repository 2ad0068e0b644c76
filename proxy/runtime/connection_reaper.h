// Closes connections whose time limit has passed: connections to backends in maintenance after the drain timeout, and
// connections to removed backends, routes and listeners after the pool's close_after, if it is set.
//
// Thread: the control thread.
// Lifetime: the io_context and the ConnectionCloser must outlive it.
#pragma once

#include "base/clock.h"
#include "proxy/runtime/connection_closer.h"
#include "proxy/snapshot/snapshot.h"
#include "proxy/snapshot/traffic_path.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

namespace weir::proxy {

class ConnectionReaper {
public:
    ConnectionReaper(boost::asio::io_context& control, ConnectionCloser& connections)
        : control_(control), connections_(connections) {}

    // Called after `now` has replaced `before`, which may be null. Starts the time limits of backends and traffic paths
    // that were removed or are in maintenance, and cancels the limits of those in service again. If a limit is already
    // running, the earlier of the two applies.
    void update(const SnapshotPtr& before, const SnapshotPtr& now);

private:
    struct ScheduledClose;
    using ScheduledClosePtr = std::shared_ptr<ScheduledClose>;

    void schedule(ScheduledClosePtr& scheduled, conf::Duration after, std::function<void()> close);
    void update_backends(const SnapshotPtr& before, const Snapshot& now);
    void update_paths(const SnapshotPtr& before, const Snapshot& now);

    boost::asio::io_context& control_;
    ConnectionCloser& connections_;
    std::unordered_map<const balancer::Backend*, ScheduledClosePtr> backends_;
    std::map<TrafficPath, ScheduledClosePtr> paths_;
};

} // namespace weir::proxy
