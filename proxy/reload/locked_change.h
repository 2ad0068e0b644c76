// The part of a change that happens under the reload lock, as one attempt:
//
//   take the lock ─→ load again ─→ resolve names ─→ fleet's denylist ─→ announce ─→ admit ─→ canary ─→ release
//     │ held, or       │               │                │                  │          │
//     ↓ unavailable    └───────────────┴────────────────┴──────────────────┴──────────┴─→ refused
//   refused, or goes                                                       │ another machine was first
//   on without it                                                          ↓ overtaken: the caller tries again
//
// Everything that may take long comes first. What may change in that time is checked after it: the fleet's verdict, the
// fence, the lease, and whether weir stops. canary.h does the rest.
//
// Thread: the control thread.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "base/result.h"
#include "lock/lease/acquire.h"
#include "proxy/fleet/reload_lock.h"
#include "proxy/reload/canary.h"
#include "proxy/reload/judged_change.h"
#include "proxy/reload/membership.h"
#include "proxy/reload/next_config.h"
#include "proxy/reload/reload_report.h"
#include "proxy/reload/reload_trigger.h"
#include "proxy/reload/serving_state.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace weir::proxy {

enum class LockUse { none, waiting, held };

// How an attempt ended: with its outcome, or because another machine made a change first.
struct ChangeAttempt {
    enum class End { decided, overtaken };
    End end = End::decided;
    ReloadReport report; // lacks trigger and time; if it was overtaken, it only says what was tried
};

class LockedChange {
public:
    LockedChange(boost::asio::io_context& control, Runtime& runtime, StateStore& store, Membership& membership,
                 NextConfig& next, Canary& canary, ReloadLock& lock, const ServingState& state)
        : control_(control), runtime_(runtime), store_(store), membership_(membership), next_(next), canary_(canary),
          lock_(lock), state_(state) {}

    // Makes one attempt at a change that has passed `judge` and has an effect. A command waits for the lock for
    // `reload.lock.wait` at most; other triggers keep waiting while other machines make progress.
    boost::asio::awaitable<ChangeAttempt> try_once(JudgedChange change, ReloadTrigger trigger, Force force);
    LockUse lock_use() const { return lock_use_; }

private:
    // In the functions below, `lease` is null if the change is made without the lock.
    using Lease = const lock::LeaseRenewer*;

    boost::asio::awaitable<ChangeAttempt> go_unlocked(JudgedChange change, Force force, Error error);
    boost::asio::awaitable<ChangeAttempt> load_again(JudgedChange first, Force force, Lease lease);
    boost::asio::awaitable<ChangeAttempt> check(JudgedChange change, Force force, Lease lease);
    boost::asio::awaitable<ChangeAttempt> take_effect(JudgedChange change, Lease lease);
    boost::asio::awaitable<Refusal> resolve_names(const conf::Loaded& loaded);
    boost::asio::awaitable<Refusal> check_with_fleet(const std::string& hash, Force force);
    boost::asio::awaitable<Result<void>> announce(const std::string& hash, const lock::LeaseRenewer& lease);
    boost::asio::awaitable<Refusal> admit(const std::string& hash, const lock::LeaseRenewer& lease);

    boost::asio::io_context& control_;
    Runtime& runtime_;
    StateStore& store_;
    Membership& membership_;
    NextConfig& next_;
    Canary& canary_;
    ReloadLock& lock_;
    const ServingState& state_;
    LockUse lock_use_ = LockUse::none;
};

} // namespace weir::proxy
