// Ends the connections to backends whose time is over: in maintenance, after the drain time; gone from the
// configuration, after the pool's close_after, where it has one.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it.
#pragma once

#include "proxy/snapshot.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <unordered_map>

namespace weir::proxy {

class Cutter {
public:
    using Cut = std::function<void(const balancer::BackendPtr&)>;

    Cutter(boost::asio::io_context& control, Cut cut) : control_(control), cut_(std::move(cut)) {}

    // `now` has taken the place of `before`, which may be null. Whoever is wanted again is spared.
    void update(const SnapshotPtr& before, const SnapshotPtr& now);

private:
    struct Sentence;

    void pass(const balancer::BackendPtr& backend, conf::Duration after);

    boost::asio::io_context& control_;
    Cut cut_;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Sentence>> sentences_;
};

} // namespace weir::proxy
