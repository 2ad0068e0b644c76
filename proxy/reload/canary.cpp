#include "proxy/reload/canary.h"

#include "base/timer.h"
#include "proxy/log/logger.h"
#include "proxy/reload/runtime_sample.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Returns the report of a change that is in force now, or could not be applied because of these problems.
ReloadReport report_of_apply(const JudgedChange& change, const std::vector<conf::Problem>& problems) {
    auto report = report_of(change);
    if (!change.plan.empty()) report.verdict = ReloadVerdict::applied;
    Refusal refusal;
    for (const auto& problem : problems) refusal.add_here(change.loaded.format(problem));
    if (!refusal.empty()) report.refuse(std::move(refusal));
    return report;
}

} // namespace

Canary::Canary(asio::io_context& control, Runtime& runtime, StateStore& store, FleetAgent& fleet, ServingState& state)
    : clock_(clock_of(control)), runtime_(runtime), store_(store), fleet_(fleet), state_(state),
      window_(control, runtime), start_(control, runtime, store) {
    asio::co_spawn(control, sample_error_rates(), log::log_exception);
}

asio::awaitable<void> Canary::sample_error_rates() {
    while (!state_.is_stopping) {
        co_await sleep_for(ErrorRateBaseline::step);
        if (runtime_.snapshot()) history_.add(take_sample(runtime_), count_listeners(runtime_));
    }
}

void Canary::start_with(conf::LastGood started) {
    state_.in_force.since = clock_.wall_now();
    start_.begin(std::move(started));
}

void Canary::close() {
    window_.close();
    start_.interrupt();
}

asio::awaitable<ReloadReport> Canary::run(JudgedChange change, const lock::LeaseRenewer* lease) {
    const auto before = runtime_.snapshot();
    const auto in_force_before = state_.in_force;
    window_.begin(history_);
    if (change.loaded.config.reload.rollback) runtime_.stand_by(before);
    const auto problems = co_await runtime_.apply(std::move(change.loaded.config), change.loaded.hash);
    auto report = report_of_apply(change, problems);
    if (report.verdict != ReloadVerdict::applied) {
        runtime_.stand_by(nullptr);
        co_return report;
    }
    report.fence = lease ? lease->fence() : 0;
    state_.in_force = {report.fence, clock_.wall_now()};
    state_.is_watching = true;
    start_.interrupt();
    fleet_.send_heartbeat_soon();
    auto verdict = co_await watch(report, lease);
    if (verdict.end == WindowEnd::passed && lease) verdict = co_await conclude(report);
    if (verdict.end == WindowEnd::failed) report = co_await roll_back(std::move(report), before, verdict);
    runtime_.stand_by(nullptr);
    state_.is_watching = false;
    if (report.verdict == ReloadVerdict::rolled_back) state_.in_force = in_force_before;
    // Not earlier: until the verdict, this change belonged to the fleet in which it began.
    if (report.verdict == ReloadVerdict::applied) fleet_.follow(runtime_.snapshot()->config.reload);
    if (report.verdict == ReloadVerdict::rolled_back) start_.resume();
    if (report.verdict == ReloadVerdict::rollback_failed) start_.forget();
    conf::LastGood good{std::move(change.loaded.hash), std::move(change.loaded.sources)};
    if (verdict.end == WindowEnd::passed) co_await keep(std::move(good));
    co_return report;
}

// Without rules, a change has passed as soon as it is applied.
asio::awaitable<WindowVerdict> Canary::watch(const ReloadReport& report, const lock::LeaseRenewer* lease) {
    WindowVerdict verdict;
    if (const auto rules = runtime_.snapshot()->config.reload.rollback) {
        window_.changed();
        spdlog::info("reload in force: {} changes, hash {}; canary window {}", report.plan.changes.size(),
                     report.hash.substr(0, 12), conf::format(rules->window));
        verdict = co_await window_.watch(*rules, lease);
    }
    if (state_.is_stopping) verdict.end = WindowEnd::closed;
    co_return verdict;
}

// Tells the fleet that the change has passed its window. It fails after all if another machine has made a later change.
asio::awaitable<WindowVerdict> Canary::conclude(const ReloadReport& report) {
    lock::FleetChange change{report.fence, report.hash, "", lock::ChangeVerdict::good, "", 0, 0};
    const auto finished = co_await fleet_.finish(std::move(change));
    WindowVerdict verdict;
    if (!finished && finished.error() == lock::LockError::lost)
        verdict = {WindowEnd::failed, RollbackCause::overtaken,
                   "another machine has made a later change, or has rolled this configuration back"};
    co_return verdict;
}

asio::awaitable<ReloadReport> Canary::roll_back(ReloadReport report, SnapshotPtr before, WindowVerdict verdict) {
    report.cause = verdict.cause;
    if (!report.is_denylisted()) report.retry = RetryDecision::all; // the cause is not the configuration itself
    if (report.is_denylisted())
        for (const auto& [path, hash] : runtime_.snapshot()->files.tls.files) {
            const auto known = before->files.tls.files.find(path);
            if (known == before->files.tls.files.end() || known->second != hash) rejected_[path] = hash;
        }
    runtime_.restore_health();
    const auto problems = co_await runtime_.restore(before);
    if (problems.empty()) runtime_.uneject();
    report.errors.push_back(std::move(verdict.reason));
    for (const auto& problem : problems)
        report.errors.push_back("cannot roll back: " + problem.path + ": " + problem.reason);
    report.verdict = problems.empty() ? ReloadVerdict::rolled_back : ReloadVerdict::rollback_failed;
    if (report.is_denylisted()) co_await denylist(report);
    co_return report;
}

// The fleet comes first, because the disk may hang. A change that was made without a lease is recorded as well.
asio::awaitable<void> Canary::denylist(const ReloadReport& report) {
    lock::FleetChange change{report.fence, report.hash, "", lock::ChangeVerdict::bad, report.errors.at(0), 0, 0};
    const auto told = co_await fleet_.finish(std::move(change));
    static_cast<void>(told); // recorded as bad, whatever came later
    co_await store_.record_bad(report.hash, report.errors.at(0));
}

asio::awaitable<void> Canary::keep(conf::LastGood good) {
    runtime_.end_overrides();
    start_.forget();
    co_await store_.record_good(std::move(good));
}

} // namespace weir::proxy
