#include "proxy/trial.h"

#include "proxy/log/logger.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy {

namespace asio = boost::asio;

Trial::Trial(asio::io_context& control, Running& running, VerdictStore& store, Fleet& fleet)
    : control_(control), now_(running), store_(store), fleet_(fleet), window_(control, running) {
    asio::co_spawn(control_, keep_history(), log::tell_failure);
}

asio::awaitable<void> Trial::keep_history() {
    asio::steady_timer timer(control_);
    while (!closed_) {
        timer.expires_after(TrafficHistory::step);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        if (now_.snapshot()) history_.add(take_picture(now_));
    }
}

// What a start begins with is good once it has stood its window.
asio::awaitable<void> Trial::watch_start(conf::LastGood started) {
    started_ = started;
    const auto changes = changes_;
    if (const auto rules = now_.snapshot()->config.reload.rollback) {
        WatchWindow window(control_, now_);
        const auto over = [&] { return changes_ != changes || closed_; };
        window.changed(); // what failed under another configuration is not held against this one
        const auto worse = co_await window.watch(*rules, over);
        if (worse) spdlog::warn("not kept as the last good configuration: {}", *worse);
        if (worse && !over()) started_.reset();
        if (worse || over()) co_return;
    }
    started_.reset();
    co_await store_.record_good(std::move(started));
}

asio::awaitable<void> Trial::run(conf::Loaded loaded, ReloadReport& report, const lock::Keeper* keeper) {
    const auto before = now_.snapshot();
    const auto fence_before = fence_;
    window_.begin(history_.rates());
    if (loaded.config.reload.rollback) now_.stand_by(before);
    report.verdict = report.plan.empty() ? ReloadVerdict::unchanged : ReloadVerdict::applied;
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    for (const auto& problem : problems) report.refuse(loaded.tell(problem));
    if (report.verdict == ReloadVerdict::applied) {
        ++changes_;
        if (keeper) fence_ = report.fence;
        under_way_ = true;
        fleet_.tell_soon();
    }
    const bool applied = report.verdict == ReloadVerdict::applied;
    bool stood = false;
    if (applied) stood = co_await watch(report, before, keeper);
    if (keeper && stood) stood = co_await conclude(report, before);
    now_.stand_by(nullptr);
    under_way_ = false;
    if (report.verdict == ReloadVerdict::rolled_back) fence_ = fence_before;
    // Only now: until there was a verdict, the fleet was the one that this change was begun in.
    if (report.verdict == ReloadVerdict::applied) fleet_.follow(now_.snapshot()->config.reload);
    if (report.verdict == ReloadVerdict::rolled_back && started_)
        asio::co_spawn(control_, watch_start(*started_), log::tell_failure); // its window was cut short
    if (report.verdict == ReloadVerdict::stuck) started_.reset();
    if (!stood) co_return;
    started_.reset();
    conf::LastGood good{loaded.hash, std::move(loaded.sources)};
    co_await store_.record_good(std::move(good));
}

asio::awaitable<bool> Trial::watch(ReloadReport& report, SnapshotPtr before, const lock::Keeper* keeper) {
    const auto rules = now_.snapshot()->config.reload.rollback;
    if (!rules) co_return !closed_;
    window_.changed();
    spdlog::info("reload in force: {} changes, hash {}; watched for {}", report.plan.changes.size(),
                 report.hash.substr(0, 12), conf::format(rules->window));
    const auto lost = [&] { return keeper && !keeper->is_held(); };
    const auto interrupted = [&] { return closed_ || lost(); };
    const auto worse = co_await window_.watch(*rules, interrupted);
    if (closed_) co_return false;
    if (worse) {
        co_await roll_back(report, std::move(before), *worse);
        // The fleet first: the disk may hang. Also without a lease: that it hurts is true all the same.
        lock::FleetChange change{report.fence, report.hash, "", "bad", *worse, 0, 0};
        co_await fleet_.finish(std::move(change));
        co_await store_.record_bad(report.hash, *worse);
    } else if (lost()) { // which says nothing about the configuration
        report.for_now = true;
        co_await roll_back(report, std::move(before), "the lock was lost before there was a verdict");
    }
    co_return report.verdict == ReloadVerdict::applied&& report.errors.empty();
}

// False where another has made a later change meanwhile: this one is taken back.
asio::awaitable<bool> Trial::conclude(ReloadReport& report, SnapshotPtr before) {
    lock::FleetChange change{report.fence, report.hash, "", "good", "", 0, 0};
    const auto error = co_await fleet_.finish(std::move(change));
    if (error != lock::LockError::lost) co_return true;
    report.for_now = true;
    co_await roll_back(report, std::move(before),
                       "another machine has made a later change meanwhile, or has found this "
                       "one to be bad");
    co_return false;
}

asio::awaitable<void> Trial::roll_back(ReloadReport& report, SnapshotPtr before, std::string why) {
    now_.restore_health();
    const auto problems = co_await now_.apply(before->config, before->hash);
    if (problems.empty()) now_.pardon();
    report.errors.push_back(std::move(why));
    for (const auto& problem : problems)
        report.errors.push_back("it cannot be rolled back: " + problem.path + ": " + problem.why);
    report.verdict = problems.empty() ? ReloadVerdict::rolled_back : ReloadVerdict::stuck;
}

} // namespace weir::proxy
