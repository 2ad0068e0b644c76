#include "proxy/reload/canary.h"

#include "base/use_nothrow_awaitable.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy {

namespace asio = boost::asio;

Canary::Canary(asio::io_context& control, Runtime& runtime, StateStore& store, FleetAgent& fleet)
    : control_(control), runtime_(runtime), store_(store), fleet_(fleet), window_(control, runtime) {
    asio::co_spawn(control_, keep_history(), log::log_exception);
}

asio::awaitable<void> Canary::keep_history() {
    asio::steady_timer timer(control_);
    while (!closed_) {
        timer.expires_after(ErrorRateBaseline::step);
        co_await timer.async_wait(use_nothrow_awaitable);
        if (runtime_.snapshot()) history_.add(take_sample(runtime_), count_listeners(runtime_));
    }
}

// The configuration that weir started with becomes the last good one when it has passed its canary window.
asio::awaitable<void> Canary::watch_start(conf::LastGood started) {
    started_ = started;
    if (in_force_.since == std::chrono::system_clock::time_point()) in_force_.since = std::chrono::system_clock::now();
    const auto changes = changes_;
    if (const auto rules = runtime_.snapshot()->config.reload.rollback) {
        CanaryWindow window(control_, runtime_);
        const auto over = [&] { return changes_ != changes || closed_; };
        window.changed(); // do not blame this configuration for errors under another one
        const auto worse = co_await window.watch(*rules, over);
        if (worse) spdlog::warn("not stored as the last good configuration: {}", *worse);
        if (worse && !over()) started_.reset();
        if (worse || over()) co_return;
    }
    started_.reset();
    co_await store_.record_good(std::move(started));
}

asio::awaitable<void> Canary::run(conf::Loaded loaded, ReloadReport& report, const lock::LeaseRenewer* renewer) {
    const auto before = runtime_.snapshot();
    const auto in_force_before = in_force_;
    window_.begin(history_);
    if (loaded.config.reload.rollback) runtime_.stand_by(before);
    report.verdict = report.plan.empty() ? ReloadVerdict::unchanged : ReloadVerdict::applied;
    const auto problems = co_await runtime_.apply(std::move(loaded.config), loaded.hash);
    for (const auto& problem : problems) report.refuse_here(loaded.format(problem));
    if (report.verdict == ReloadVerdict::applied) {
        ++changes_;
        in_force_.fence = report.fence; // 0 without a lock
        in_force_.since = std::chrono::system_clock::now();
        under_way_ = true;
        fleet_.send_heartbeat_soon();
    }
    const bool applied = report.verdict == ReloadVerdict::applied;
    bool passed = false;
    if (applied) passed = co_await watch(report, before, renewer);
    if (renewer && passed) passed = co_await conclude(report, before);
    runtime_.stand_by(nullptr);
    under_way_ = false;
    if (report.verdict == ReloadVerdict::rolled_back) in_force_ = in_force_before;
    // Not earlier: until the verdict, this change belonged to the fleet in which it began.
    if (report.verdict == ReloadVerdict::applied) fleet_.follow(runtime_.snapshot()->config.reload);
    if (report.verdict == ReloadVerdict::rolled_back && started_)
        asio::co_spawn(control_, watch_start(*started_), log::log_exception); // its window was cut short
    if (report.verdict == ReloadVerdict::rollback_failed) started_.reset();
    if (!passed) co_return;
    runtime_.end_overrides();
    started_.reset();
    conf::LastGood good{loaded.hash, std::move(loaded.sources)};
    co_await store_.record_good(std::move(good));
}

asio::awaitable<bool> Canary::watch(ReloadReport& report, SnapshotPtr before, const lock::LeaseRenewer* renewer) {
    const auto rules = runtime_.snapshot()->config.reload.rollback;
    if (!rules) co_return !closed_;
    window_.changed();
    spdlog::info("reload in force: {} changes, hash {}; canary window {}", report.plan.changes.size(),
                 report.hash.substr(0, 12), conf::format(rules->window));
    const auto lost = [&] { return renewer && !renewer->is_held(); };
    end_asked_ = RollbackCause::none;
    const auto interrupted = [&] { return closed_ || lost() || end_asked_ != RollbackCause::none; };
    const auto worse = co_await window_.watch(*rules, interrupted);
    if (closed_) co_return false;
    if (worse) {
        co_await roll_back(report, std::move(before), RollbackCause::worse, *worse);
    } else if (end_asked_ == RollbackCause::aborted) {
        co_await roll_back(report, std::move(before), end_asked_, "aborted by an operator (weir reload --abort)");
    } else if (end_asked_ != RollbackCause::none) {
        co_await roll_back(report, std::move(before), end_asked_,
                           "a newer configuration arrived before the canary window ended");
    } else if (lost()) {
        co_await roll_back(report, std::move(before), RollbackCause::lock_lost,
                           "the lock was lost within the canary window: " + renewer->loss());
    }
    if (report.is_denylisted()) co_await denylist(report);
    co_return report.verdict == ReloadVerdict::applied&& report.errors.empty();
}

bool Canary::end_window(RollbackCause cause) {
    if (!window_.is_open() || closed_) return false;
    if (end_asked_ != RollbackCause::aborted) end_asked_ = cause;
    return true;
}

// The fleet comes first, because the disk may hang. A change that was made without a lease is recorded as well.
asio::awaitable<void> Canary::denylist(const ReloadReport& report) {
    lock::FleetChange change{report.fence, report.hash, "", lock::ChangeVerdict::bad, report.errors.at(0), 0, 0};
    const auto told = co_await fleet_.finish(std::move(change));
    static_cast<void>(told); // recorded as bad, whatever came later
    co_await store_.record_bad(report.hash, report.errors.at(0));
}

// Returns false after rolling the change back because another machine has made a later one.
asio::awaitable<bool> Canary::conclude(ReloadReport& report, SnapshotPtr before) {
    lock::FleetChange change{report.fence, report.hash, "", lock::ChangeVerdict::good, "", 0, 0};
    const auto finished = co_await fleet_.finish(std::move(change));
    if (finished || finished.error() != lock::LockError::lost) co_return true;
    co_await roll_back(report, std::move(before), RollbackCause::overtaken,
                       "another machine has made a later change, or has rolled this "
                       "configuration back");
    co_return false;
}

asio::awaitable<void> Canary::roll_back(ReloadReport& report, SnapshotPtr before, RollbackCause cause,
                                        std::string reason) {
    report.cause = cause;
    if (!report.is_denylisted()) report.retry = RetryDecision::all; // the cause is not the configuration itself
    runtime_.restore_health();
    const auto problems = co_await runtime_.apply(before->config, before->hash);
    if (problems.empty()) runtime_.uneject();
    report.errors.push_back(std::move(reason));
    for (const auto& problem : problems)
        report.errors.push_back("cannot roll back: " + problem.path + ": " + problem.reason);
    report.verdict = problems.empty() ? ReloadVerdict::rolled_back : ReloadVerdict::rollback_failed;
}

} // namespace weir::proxy
