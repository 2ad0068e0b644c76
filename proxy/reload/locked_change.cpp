#include "proxy/reload/locked_change.h"

#include "proxy/reload/denial.h"
#include "proxy/reload/lock_move.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Suffixes to the reason for which the lock could not be acquired.
constexpr auto goes_on_as_configured = "; reloading without it (reload.lock.on_unavailable: proceed)";
constexpr auto goes_on_by_force =
    "; moving the lock to other servers without holding it (--force): the old servers could not report which "
    "configurations the fleet has rolled back, or whether another machine is reloading. Until every machine uses the "
    "new servers, machines may reload at the same time";

ChangeAttempt decided(const JudgedChange& change) { return {ChangeAttempt::End::decided, report_of(change)}; }

ChangeAttempt overtaken(const JudgedChange& change) { return {ChangeAttempt::End::overtaken, report_of(change)}; }

// Returns the reason for which a change could not be announced, although its lease seemed to be held.
std::string describe_failed_announcement(const Error& error, std::uint64_t fence) {
    if (error == lock::LockError::lost)
        return "another machine has made a later change: the fence of this one, " + std::to_string(fence) +
               ", is too low";
    return "cannot announce the change to the fleet: " + error.message();
}

} // namespace

asio::awaitable<ChangeAttempt> LockedChange::try_once(JudgedChange change, ReloadTrigger trigger, Force force) {
    const auto settings = runtime_.snapshot()->config.reload.lock;
    const auto policy =
        trigger == ReloadTrigger::command ? WaitPolicy::as_configured : WaitPolicy::while_others_get_through;
    const std::function<bool()> is_over = [this] { return state_.is_stopping; };
    lock_use_ = LockUse::waiting;
    const auto taken = co_await lock_.take(settings, change.loaded.hash, policy, is_over);
    lock_use_ = taken.lease ? LockUse::held : LockUse::none;
    if (!taken.lease) co_return co_await go_unlocked(std::move(change), force, taken.lease.error());
    lock::LeaseRenewer lease(taken.lock, control_.get_executor(), *taken.lease);
    auto attempt = co_await load_again(std::move(change), force, &lease);
    attempt.report.fence = lease.fence();
    co_await lease.release();
    lock_use_ = LockUse::none;
    co_return attempt;
}

// The lock could not be acquired: continues without it if that is allowed.
asio::awaitable<ChangeAttempt> LockedChange::go_unlocked(JudgedChange change, Force force, Error error) {
    if (state_.is_stopping) {
        change.refusal.add_for_now(stopping);
        co_return decided(change);
    }
    const auto& config = runtime_.snapshot()->config;
    const bool unavailable = error == lock::LockError::unavailable;
    auto reason =
        (unavailable ? "cannot acquire the lock: unavailable: " : "cannot acquire the lock: ") + error.message();
    ChangeAttempt attempt;
    if (unavailable && may_go_unlocked(config, change.loaded, force)) {
        const bool proceeds = config.reload.lock.on_unavailable == conf::OnUnavailable::proceed;
        reason += proceeds ? goes_on_as_configured : goes_on_by_force;
        spdlog::warn("{}", reason);
        attempt = co_await load_again(std::move(change), force, nullptr);
        attempt.report.warnings = {std::move(reason)};
    } else {
        if (unavailable && moves_lock(config, change.loaded)) reason += how_to_move;
        change.refusal.add_for_now(std::move(reason));
        attempt = decided(change);
    }
    attempt.report.lock_failed = true;
    co_return attempt;
}

// The file may have changed while other machines held the lock: its current content counts.
asio::awaitable<ChangeAttempt> LockedChange::load_again(JudgedChange first, Force force, Lease lease) {
    const auto hash = first.loaded.hash;
    const auto other_slot = overtaken(first);
    auto change = std::move(first);
    change.loaded = co_await next_.load_again(std::move(change.loaded));
    membership_.begin(next_.pushed());
    const bool as_before = change.loaded.ok() && change.loaded.hash == hash;
    // A parallel slot is only valid for the change that the other machines make.
    if (!as_before && lease && lease->slot() > 1) co_return other_slot;
    if (!as_before) {
        next_.mark_seen(change.loaded);
        const auto* denied = store_.find_bad(change.loaded.hash);
        change = judge(std::move(change.loaded), *runtime_.snapshot(), denied, force);
    }
    if (change.is_refused()) co_return decided(change);
    if (!lease && !may_go_unlocked(runtime_.snapshot()->config, change.loaded, force)) {
        // It moved the lock when it was first read.
        change.refusal.add_for_now("the file changed while the lock was being acquired");
        co_return decided(change);
    }
    co_return co_await check(std::move(change), force, lease);
}

// Resolving names may take long, so all other conditions are checked after it.
asio::awaitable<ChangeAttempt> LockedChange::check(JudgedChange change, Force force, Lease lease) {
    change.refusal = co_await resolve_names(change.loaded);
    if (state_.is_stopping) change.refusal.add_for_now(stopping);
    if (change.is_refused()) co_return decided(change);
    change.refusal = co_await check_with_fleet(change.loaded.hash, force);
    if (change.is_refused()) co_return decided(change);
    co_return co_await take_effect(std::move(change), lease);
}

asio::awaitable<Refusal> LockedChange::resolve_names(const conf::Loaded& loaded) {
    const auto unknown = co_await runtime_.find_names(loaded.config);
    Refusal refusal;
    for (const auto& problem : unknown) refusal.add_here(loaded.format(problem));
    co_return refusal;
}

asio::awaitable<Refusal> LockedChange::check_with_fleet(const std::string& hash, Force force) {
    Refusal refusal;
    const auto verdict = co_await membership_.agent().verdict(hash);
    const auto& bad = verdict.denied;
    if (bad && force == Force::no && hash != runtime_.snapshot()->hash) {
        refusal.add(describe_denial(*bad));
        co_await store_.record_bad(bad->hash, bad->reason); // for times when the fleet is unreachable
    }
    co_return refusal;
}

// A change with a stale fence is refused; one that was only overtaken, and still holds its lease, is tried again.
asio::awaitable<ChangeAttempt> LockedChange::take_effect(JudgedChange change, Lease lease) {
    const auto hash = change.loaded.hash;
    if (lease) {
        const auto announced = co_await announce(hash, *lease);
        const bool lost = !announced && announced.error() == lock::LockError::lost;
        if (lost && lease->is_held()) co_return overtaken(change);
        if (announced) change.refusal = co_await admit(hash, *lease);
        else change.refusal.add_for_now(describe_failed_announcement(announced.error(), lease->fence()));
        if (!lease->is_held()) change.refusal.add_for_now("the lock was lost before the change was applied");
    }
    if (state_.is_stopping) change.refusal.add_for_now(stopping);
    if (change.is_refused()) co_return decided(change);
    ChangeAttempt attempt;
    attempt.report = co_await canary_.run(std::move(change), lease);
    co_return attempt;
}

asio::awaitable<Result<void>> LockedChange::announce(const std::string& hash, const lock::LeaseRenewer& lease) {
    const auto kind = lease.slot() > 1 ? lock::ChangeKind::parallel : lock::ChangeKind::first;
    co_return co_await membership_.agent().begin(lease.fence(), hash, kind);
}

// Checks the fences on this machine's own disk.
asio::awaitable<Refusal> LockedChange::admit(const std::string& hash, const lock::LeaseRenewer& lease) {
    Refusal refusal;
    const auto admitted = co_await store_.admit(lease.fence(), hash);
    if (!admitted) refusal.add_here(admitted.error().message());
    co_return refusal;
}

} // namespace weir::proxy
