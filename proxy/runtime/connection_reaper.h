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
    using CutBackend = std::function<void(const balancer::BackendPtr&)>;
    using CutWay = std::function<void(const TrafficPath&)>;

    ConnectionReaper(boost::asio::io_context& control, CutBackend cut_backend, CutWay cut_way)
        : control_(control), cut_backend_(std::move(cut_backend)), cut_way_(std::move(cut_way)) {}

    // Called after `now` has replaced `before`, which may be null. Cancels deadlines of what is back.
    void update(const SnapshotPtr& before, const SnapshotPtr& now);

private:
    struct Sentence;
    using SentencePtr = std::shared_ptr<Sentence>;

    void pass(SentencePtr& sentence, conf::Duration after, std::function<void()> cut);
    void update_backends(const SnapshotPtr& before, const Snapshot& now);
    void update_ways(const SnapshotPtr& before, const Snapshot& now);

    boost::asio::io_context& control_;
    CutBackend cut_backend_;
    CutWay cut_way_;
    std::unordered_map<const balancer::Backend*, SentencePtr> backends_;
    std::map<TrafficPath, SentencePtr> ways_;
};

} // namespace weir::proxy
