// The outcome of a reload.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include "conf/plan/plan.h"
#include "proxy/reload/refusal.h"
#include "proxy/reload/reload_trigger.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

enum class ReloadVerdict {
    applied,         // the new configuration is in force
    unchanged,       // the file is equivalent to the configuration in force
    refused,         // nothing changed
    rolled_back,     // it was worse; the previous configuration is in force again
    rollback_failed, // it was worse, and the rollback failed
};

// Why a change was rolled back.
enum class RollbackCause {
    none,       // it was not rolled back
    worse,      // the canary window found a regression
    aborted,    // an operator ended the window (weir reload --abort)
    newer_file, // a newer configuration appeared within the window
    lock_lost,  // the lease was lost within the window
    overtaken,  // another machine of the fleet made a later change within the window
};

// Returns true if a rollback for this cause puts the configuration on the denylist.
constexpr bool is_denylisting(RollbackCause cause) {
    return cause == RollbackCause::worse || cause == RollbackCause::aborted;
}

struct ReloadReport {
    ReloadVerdict verdict = ReloadVerdict::unchanged;
    std::vector<std::string> errors; // why it was refused or rolled back
    conf::Plan plan;                 // what it changed, or would have changed
    ReloadTrigger trigger = ReloadTrigger::none;
    std::string hash;
    std::uint64_t fence = 0; // 0 without a lock
    bool lock_failed = false;
    RetryDecision retry = RetryDecision::none;
    RollbackCause cause = RollbackCause::none;
    std::chrono::milliseconds took{0};
    std::vector<std::string> warnings;        // what an operator should know about an applied change
    std::chrono::system_clock::time_point at; // when the change began

    // Returns true if the outcome says nothing about the configuration, on this machine or another.
    bool is_for_now() const { return retry == RetryDecision::all; }
    // Returns true if this configuration is refused from now on, here and in the fleet.
    bool is_denylisted() const { return is_denylisting(cause); }
    bool is_success() const { return verdict == ReloadVerdict::applied || verdict == ReloadVerdict::unchanged; }
    // Makes this the report of a refused change.
    void refuse(Refusal refusal) {
        verdict = ReloadVerdict::refused;
        errors = std::move(refusal.reasons);
        retry = refusal.retry;
    }
};

} // namespace weir::proxy
