// Runs a configuration as a canary: applies it, watches it, reports to the fleet, and keeps it or rolls it back.
//
//   apply ─→ watch ─→ conclude ─→ keep
//     │        └─────────┴──────→ roll back ─→ denylist, if the configuration is the cause
//     └ refused
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "base/clock.h"
#include "conf/read/tls_contexts.h"
#include "conf/store/last_good.h"
#include "lock/lease/acquire.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/canary_window.h"
#include "proxy/reload/error_rate_baseline.h"
#include "proxy/reload/judged_change.h"
#include "proxy/reload/reload_report.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/start_watch.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <string>

namespace weir::proxy {

class Canary {
public:
    Canary(boost::asio::io_context& control, Runtime& runtime, StateStore& store, FleetAgent& fleet,
           ServingState& state);

    // Watches the configuration that weir started with, which is in force.
    void start_with(conf::LastGood started);
    // Runs a change that is not refused, from applying it to its verdict. `lease` is null if there is none. The report
    // lacks what only the caller knows: the trigger, the time and the warnings.
    boost::asio::awaitable<ReloadReport> run(JudgedChange change, const lock::LeaseRenewer* lease);
    // Ends all watching; called when weir stops. A change in its canary window is neither recorded as good nor rolled
    // back.
    void close();

    // Ends the open canary window, so that its change is rolled back at once. Returns false if no window is open.
    bool end_window(RollbackCause cause) { return window_.end(cause); }
    const CanaryWindow& window() const { return window_; }
    // Returns the TLS files that changes have brought which were rolled back, because they may be the cause: their
    // paths and hashes.
    const conf::FileHashes& rejected_tls_files() const { return rejected_; }
    // Called when a configuration has been applied: its files are good.
    void forget_rejected_tls_files() { rejected_.clear(); }

private:
    boost::asio::awaitable<WindowVerdict> watch(const ReloadReport& report, const lock::LeaseRenewer* lease);
    boost::asio::awaitable<WindowVerdict> conclude(const ReloadReport& report);
    boost::asio::awaitable<ReloadReport> roll_back(ReloadReport report, SnapshotPtr before, WindowVerdict verdict);
    boost::asio::awaitable<void> denylist(const ReloadReport& report);
    boost::asio::awaitable<void> keep(conf::LastGood good);
    boost::asio::awaitable<void> sample_error_rates();

    Clock& clock_;
    Runtime& runtime_;
    StateStore& store_;
    FleetAgent& fleet_;
    ServingState& state_;
    ErrorRateBaseline history_;
    CanaryWindow window_;
    StartWatch start_;
    conf::FileHashes rejected_;
};

} // namespace weir::proxy
