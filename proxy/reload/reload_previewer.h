// Reports what a configuration would do, without changing anything: on this machine now (`weir plan`), or on all
// machines of a fleet before it is pushed to them.
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "base/clock.h"
#include "conf/read/load.h"
#include "proxy/fleet/reload_lock.h"
#include "proxy/reload/canary_window.h"
#include "proxy/reload/locked_change.h"
#include "proxy/reload/membership.h"
#include "proxy/reload/next_config.h"
#include "proxy/reload/reload_preview.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

class ReloadPreviewer {
public:
    ReloadPreviewer(boost::asio::io_context& control, Runtime& runtime, StateStore& store, Membership& membership,
                    NextConfig& next, ReloadLock& lock, const LockedChange& locked, const CanaryWindow& window,
                    const ServingState& state)
        : clock_(clock_of(control)), runtime_(runtime), store_(store), fleet_(membership.agent()), next_(next),
          lock_(lock), locked_(locked), window_(window), state_(state) {}

    // Returns what a reload of these texts would do now. If they are this machine's own file, or `files` is empty, it
    // reads the files on disk, with includes resolved in this process's environment.
    boost::asio::awaitable<ReloadPreview> preview(std::vector<conf::SourceFile> files);
    // Checks whether a configuration given as texts could be pushed to the fleet and applied here, and what it would
    // change.
    boost::asio::awaitable<ReloadReport> examine(std::vector<conf::SourceFile> files);

private:
    boost::asio::awaitable<std::optional<std::string>> find_denial(std::string hash);
    std::vector<std::string> notes(const conf::Plan& plan) const;

    Clock& clock_;
    Runtime& runtime_;
    StateStore& store_;
    FleetAgent& fleet_;
    NextConfig& next_;
    ReloadLock& lock_;
    const LockedChange& locked_;
    const CanaryWindow& window_;
    const ServingState& state_;
};

} // namespace weir::proxy
