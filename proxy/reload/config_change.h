// One atomic change of the configuration, from the file to the verdict. Each step takes a value and returns the next
// step's: conf::Loaded (read), JudgedChange (compared with what is in force), ChangeAttempt (made under the lock), and
// in the end a ReloadReport. A step that refuses the change returns it with its Refusal, and nothing has changed.
//
//   load ─→ judge ─→ try_once (locked_change.h): lock, load again, check ─→ run (canary.h): apply, watch, conclude
//             │         ↑  │ another machine was first                                          │ worse
//             │         └──┘ load, judge                                                        ↓
//             ↓ errors, on the denylist, or needs a restart                       rolled back, and on the denylist
//           refused
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "base/clock.h"
#include "conf/read/load.h"
#include "proxy/reload/canary.h"
#include "proxy/reload/force.h"
#include "proxy/reload/judged_change.h"
#include "proxy/reload/locked_change.h"
#include "proxy/reload/membership.h"
#include "proxy/reload/next_config.h"
#include "proxy/reload/reload_report.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <string>
#include <vector>

namespace weir::proxy {

class ConfigChange {
public:
    ConfigChange(boost::asio::io_context& control, Runtime& runtime, StateStore& store, Membership& membership,
                 NextConfig& next, Canary& canary, LockedChange& locked, const ServingState& state)
        : clock_(clock_of(control)), runtime_(runtime), store_(store), membership_(membership), next_(next),
          canary_(canary), locked_(locked), state_(state) {}

    // Applies the first configuration, which needs no lock. Returns the errors; empty on success.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Loads the next configuration: the first step.
    boost::asio::awaitable<conf::Loaded> load(Force force);
    // Runs all further steps and returns the report of the change. If it is refused, certificates in force
    // are still renewed if their files have changed.
    boost::asio::awaitable<ReloadReport> run(conf::Loaded loaded, ReloadTrigger trigger, Force force);

    // Reads the files that the configuration in force names again if they have changed on disk, and uses them, except
    // TLS files that are those of a change that was rolled back. Logs files that cannot be used.
    boost::asio::awaitable<void> renew_files();

    // Ends the open canary window if a newer valid configuration is available.
    boost::asio::awaitable<void> end_window_if_newer(Force force);

private:
    boost::asio::awaitable<void> renew(RenewedFiles which);
    boost::asio::awaitable<JudgedChange> judge_now(conf::Loaded loaded, Force force);
    boost::asio::awaitable<ReloadReport> try_until_decided(JudgedChange change, ReloadTrigger trigger, Force force);
    boost::asio::awaitable<ReloadReport> apply_equivalent(JudgedChange change);

    Clock& clock_;
    Runtime& runtime_;
    StateStore& store_;
    Membership& membership_;
    NextConfig& next_;
    Canary& canary_;
    LockedChange& locked_;
    const ServingState& state_;
};

} // namespace weir::proxy
