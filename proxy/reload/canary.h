// Runs a configuration as a canary: applies it, watches it, reports to the fleet, and keeps it or rolls it back.
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "conf/store/last_good.h"
#include "lock/lease/acquire.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/canary_window.h"
#include "proxy/reload/reload_report.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace weir::proxy {

// The configuration in force: the fence of the change that applied it, and when that was.
struct InForce {
    std::uint64_t fence = 0; // 0: applied without a lock
    std::chrono::system_clock::time_point since;
};

class Canary {
public:
    Canary(boost::asio::io_context& control, Runtime& runtime, StateStore& store, FleetAgent& fleet);

    // Watches the configuration that weir started with, and records it as the last good one if it passes its window.
    boost::asio::awaitable<void> watch_start(conf::LastGood started);
    // Runs a change from apply to verdict and fills in `report`. `renewer` is null if there is no lease.
    boost::asio::awaitable<void> run(conf::Loaded loaded, ReloadReport& report, const lock::LeaseRenewer* renewer);
    // Called when weir stops; ends all watching.
    void close() { closed_ = true; }
    bool is_closed() const { return closed_; }

    bool is_under_way() const { return under_way_; }
    // Ends the open canary window; the change is rolled back at once. Returns false if no window is open.
    bool end_window(RollbackCause cause);
    const InForce& in_force() const { return in_force_; }
    const CanaryWindow& window() const { return window_; }

private:
    // Returns whether the change has passed its window.
    boost::asio::awaitable<bool> watch(ReloadReport& report, SnapshotPtr before, const lock::LeaseRenewer* renewer);
    boost::asio::awaitable<void> denylist(const ReloadReport& report);
    boost::asio::awaitable<bool> conclude(ReloadReport& report, SnapshotPtr before);
    boost::asio::awaitable<void> roll_back(ReloadReport& report, SnapshotPtr before, RollbackCause cause,
                                           std::string reason);
    boost::asio::awaitable<void> keep_history();

    boost::asio::io_context& control_;
    Runtime& runtime_;
    StateStore& store_;
    FleetAgent& fleet_;
    ErrorRateBaseline history_;
    CanaryWindow window_;
    std::optional<conf::LastGood> started_; // the start configuration, until its verdict
    InForce in_force_;
    RollbackCause end_asked_ = RollbackCause::none; // for the open window
    std::uint64_t changes_ = 0;                     // number of changes applied
    bool closed_ = false, under_way_ = false;
};

} // namespace weir::proxy
