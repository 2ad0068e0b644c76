// The parts that reloads are made of. Each part knows only parts that are listed before it.
//
//   runtime, state              what is in force, and the change that brought it
//   store, membership           what this machine remembers, and what it tells its fleet
//   next                        reads the next configuration
//   canary, lock, locked        apply it and watch it, under the lock
//   change                      one change from the file to the verdict
//   previewer                   what a change would do
//
// Thread: the control thread; one other thread reads files, and another one writes them.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "proxy/fleet/fleet_agent.h"
#include "proxy/fleet/reload_lock.h"
#include "proxy/reload/canary.h"
#include "proxy/reload/config_change.h"
#include "proxy/reload/config_files.h"
#include "proxy/reload/locked_change.h"
#include "proxy/reload/membership.h"
#include "proxy/reload/next_config.h"
#include "proxy/reload/reload_previewer.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/io_context.hpp>

#include <string>

namespace weir::proxy {

struct ReloadParts {
    // Passes the files to watch to `files` after each load. `state_dir` is fixed at construction.
    ReloadParts(boost::asio::io_context& control, Runtime& what_is_in_force, std::string path,
                const std::string& state_dir, ConfigFiles& files);
    ReloadParts(const ReloadParts&) = delete;
    ReloadParts& operator=(const ReloadParts&) = delete;

    // Called when weir stops: from now on, nothing is applied or watched.
    void close(Presence presence);
    // Waits for pending disk operations, for a few seconds at most. Returns true if all of them have completed.
    bool wait_idle();

    FleetAgent& fleet() { return membership.agent(); }
    const FleetAgent& fleet() const { return membership.agent(); }
    // Returns the hash of the configuration in force; empty before there is one.
    std::string hash_in_force() const { return runtime.snapshot() ? runtime.snapshot()->hash : ""; }

    Runtime& runtime;
    ServingState state;
    StateStore store;
    Membership membership;
    NextConfig next;
    Canary canary;
    ReloadLock lock;
    LockedChange locked;
    ConfigChange change;
    ReloadPreviewer previewer;
};

} // namespace weir::proxy
