// A configuration on trial: put in force, watched, told to the fleet, and kept or taken back.
//
// Thread: the control thread.
// Lifetime: what it is given must outlive it.
#pragma once

#include "conf/last_good.h"
#include "lock/acquire.h"
#include "proxy/fleet.h"
#include "proxy/reload_report.h"
#include "proxy/running.h"
#include "proxy/verdict_store.h"
#include "proxy/watch_window.h"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace weir::proxy {

class Trial {
public:
    Trial(boost::asio::io_context& control, Running& running, VerdictStore& store, Fleet& fleet);

    // What a start begins with is good once it has stood its window.
    boost::asio::awaitable<void> watch_start(conf::LastGood started);
    // From the apply to the verdict, which is told in `report`. `keeper` is null where there is no lease.
    boost::asio::awaitable<void> run(conf::Loaded loaded, ReloadReport& report, const lock::Keeper* keeper);
    // Weir is stopping: nothing is watched any more.
    void close() { closed_ = true; }
    bool is_closed() const { return closed_; }

    bool is_under_way() const { return under_way_; }
    std::uint64_t fence() const { return fence_; } // of what is in force
    const WatchWindow& window() const { return window_; }

private:
    // Whether it stood its window.
    boost::asio::awaitable<bool> watch(ReloadReport& report, SnapshotPtr before, const lock::Keeper* keeper);
    boost::asio::awaitable<bool> conclude(ReloadReport& report, SnapshotPtr before);
    boost::asio::awaitable<void> roll_back(ReloadReport& report, SnapshotPtr before, std::string why);
    boost::asio::awaitable<void> keep_history();

    boost::asio::io_context& control_;
    Running& now_;
    VerdictStore& store_;
    Fleet& fleet_;
    TrafficHistory history_;
    WatchWindow window_;
    std::optional<conf::LastGood> started_; // until it is known to be good
    std::uint64_t fence_ = 0;
    std::uint64_t changes_ = 0; // that were applied
    bool closed_ = false, under_way_ = false;
};

} // namespace weir::proxy
