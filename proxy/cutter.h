// Ends the connections whose time is over: to backends in maintenance, after the drain time; to backends that have left
// the configuration, and by routes and listeners that have, after the pool's close_after, where it has one.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it.
#pragma once

#include "proxy/snapshot.h"
#include "proxy/way.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

namespace weir::proxy {

class Cutter {
public:
    using CutBackend = std::function<void(const balancer::BackendPtr&)>;
    using CutWay = std::function<void(const Way&)>;

    Cutter(boost::asio::io_context& control, CutBackend cut_backend, CutWay cut_way)
        : control_(control), cut_backend_(std::move(cut_backend)), cut_way_(std::move(cut_way)) {}

    // `now` has taken the place of `before`, which may be null. Whoever is wanted again is spared.
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
    std::map<Way, SentencePtr> ways_;
};

} // namespace weir::proxy
