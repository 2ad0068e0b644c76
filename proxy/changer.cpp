#include "proxy/changer.h"

#include "proxy/iso_time.h"
#include "proxy/lock_maker.h"
#include "proxy/log/logger.h"
#include "proxy/version.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// How others see who holds the lock.
std::string holder_name(const conf::LockSettings& settings) {
    return member_name(settings) + ":" + std::to_string(::getpid());
}

asio::awaitable<conf::Loaded> load_there(std::string path) { co_return conf::load(path); }

asio::awaitable<conf::Loaded> load_again_there(conf::Loaded known) { co_return conf::load_again(std::move(known)); }

std::string told(const conf::BadConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, or insist: weir reload --force";
}

std::string told(const lock::FleetBad& bad) {
    return bad.author + " has taken this configuration back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, forgive it (weir fleet forgive " + bad.hash.substr(0, 12) +
           "), or insist: weir reload --force";
}

// Per cent of the backends that should serve.
std::uint32_t healthy_share(const Picture& picture) {
    PoolPicture all;
    for (const auto& [_, pool] : picture) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

} // namespace

Changer::Changer(asio::io_context& control, Running& running, std::string path, const std::string& state_dir,
                 std::function<void(const std::vector<std::string>&)> on_files)
    : control_(control), now_(running), path_(std::move(path)), on_files_(std::move(on_files)),
      store_(disk_, state_dir, path_), window_(control, running),
      fleet_(
          control, [this] { return describe_self(); },
          [state_dir] {
              const auto fence = lock::FenceStore(state_dir).read();
              return fence ? *fence : 0;
          }) {
    asio::co_spawn(control_, keep_history(), log::tell_failure);
}

lock::FleetMember Changer::describe_self() const {
    const char* state = closed_ ? "stopping" : window_.left() ? "watching" : "serving";
    return {"",     version, now_.snapshot() ? now_.snapshot()->hash : "",
            fence_, state,   now_.snapshot() ? healthy_share(take_picture(now_)) : 0};
}

asio::awaitable<void> Changer::keep_history() {
    asio::steady_timer timer(control_);
    while (!closed_) {
        timer.expires_after(TrafficHistory::step);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        if (now_.snapshot()) history_.add(take_picture(now_));
    }
}

asio::awaitable<std::vector<std::string>> Changer::start(conf::Loaded loaded) {
    seen_hash_ = loaded.seen_hash.empty() ? loaded.hash : loaded.seen_hash;
    on_files_(loaded.watched);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.tell(problem));
    if (errors.empty()) fleet_.follow(now_.snapshot()->config.reload.lock);
    if (errors.empty()) asio::co_spawn(control_, watch_start(std::move(started)), log::tell_failure);
    co_return errors;
}

// What a start begins with is good once it has stood its window.
asio::awaitable<void> Changer::watch_start(conf::LastGood started) {
    const auto changes = changes_;
    if (const auto rules = now_.snapshot()->config.reload.rollback) {
        WatchWindow window(control_, now_);
        const auto over = [&] { return changes_ != changes || closed_; };
        const auto worse = co_await window.watch(*rules, over);
        if (worse) spdlog::warn("not kept as the last good configuration: {}", *worse);
        if (worse || over()) co_return;
    }
    co_await store_.record_good(std::move(started));
}

asio::awaitable<conf::Loaded> Changer::load() {
    auto loaded = co_await asio::co_spawn(disk_, load_there(path_), asio::use_awaitable);
    on_files_(loaded.watched);
    co_return loaded;
}

// What can be told without the lock. True where that is the end of it.
bool Changer::refuse_early(const conf::Loaded& loaded, Insist insist, ReloadReport& report) {
    seen_hash_ = loaded.hash;
    report.hash = loaded.hash;
    report.errors.clear();
    for (const auto& error : loaded.errors) report.errors.push_back(error.text());
    if (!loaded.ok()) {
        report.verdict = ReloadVerdict::refused;
        return true;
    }
    report.plan = conf::plan(conf::describe(now_.snapshot()->config), conf::describe(loaded.config));
    for (const auto& change : report.plan.changes)
        if (change.applies == conf::Applies::needs_restart) report.refuse(loaded.tell({change.kind, change.text()}));
    const auto* bad = store_.find_bad(loaded.hash);
    if (bad && insist == Insist::no && loaded.hash != now_.snapshot()->hash) report.refuse(told(*bad));
    return report.verdict == ReloadVerdict::refused;
}

asio::awaitable<ReloadReport> Changer::change(conf::Loaded first, std::string trigger, Insist insist) {
    ReloadReport report;
    report.trigger = std::move(trigger);
    if (refuse_early(first, insist, report)) co_return report;
    if (report.plan.empty()) { // a comment may have changed: nothing that needs a lock
        report.verdict = ReloadVerdict::unchanged;
        const auto problems = co_await now_.apply(std::move(first.config), first.hash);
        for (const auto& problem : problems) report.refuse(first.tell(problem)); // a token's file, perhaps
        co_return report;
    }
    const auto settings = now_.snapshot()->config.reload.lock;
    const std::shared_ptr<lock::Lock> lock =
        make_lock(control_.get_executor(), settings, now_.snapshot()->config.process.state_dir);
    const auto dice = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); };
    const auto lease = co_await lock::acquire(*lock, holder_name(settings), settings.wait, dice);
    if (lease) {
        holds_lock_ = true;
        lock::Keeper keeper(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        co_await change_locked(std::move(first), report, insist, &keeper);
        co_await keeper.release();
        holds_lock_ = false;
    } else {
        report.lock_failed = true;
        const bool unavailable = lease.error() == lock::LockError::unavailable;
        const auto why = "lock " + lease.error().message() + (unavailable ? ": " + lock->last_problem() : "");
        if (unavailable && settings.on_unavailable == conf::OnUnavailable::proceed) {
            spdlog::warn("{}; reloading without it (reload.lock.on_unavailable: proceed)", why);
            co_await change_locked(std::move(first), report, insist, nullptr);
        } else {
            report.refuse(why);
        }
    }
    co_return report;
}

// The file may have changed while others held the lock: what counts is what it says now.
asio::awaitable<void> Changer::change_locked(conf::Loaded first, ReloadReport& report, Insist insist,
                                             const lock::Keeper* keeper) {
    auto loaded = co_await asio::co_spawn(disk_, load_again_there(std::move(first)), asio::use_awaitable);
    on_files_(loaded.watched);
    const bool as_before = loaded.ok() && loaded.hash == report.hash;
    if (!as_before && refuse_early(loaded, insist, report)) co_return;
    const auto bad = co_await fleet_.find_bad(loaded.hash);
    if (bad && insist == Insist::no && loaded.hash != now_.snapshot()->hash) {
        report.refuse(told(*bad));
        co_await store_.record_bad(bad->hash, bad->why); // for when the fleet cannot be asked
        co_return;
    }
    if (keeper) co_await announce(report);
    if (keeper && !keeper->is_held()) report.refuse("the lock was lost before the change was made");
    if (closed_) report.refuse("weir is stopping");
    if (report.verdict == ReloadVerdict::refused) co_return;
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
        fleet_.follow(now_.snapshot()->config.reload.lock);
    }
    const bool applied = report.verdict == ReloadVerdict::applied;
    bool stood = false;
    if (applied) stood = co_await watch(report, before, keeper);
    if (keeper && stood) stood = co_await conclude(report, before);
    now_.stand_by(nullptr);
    if (report.verdict == ReloadVerdict::rolled_back) fence_ = fence_before;
    if (!stood) co_return;
    conf::LastGood good{loaded.hash, std::move(loaded.sources)};
    co_await store_.record_good(std::move(good));
}

asio::awaitable<bool> Changer::watch(ReloadReport& report, SnapshotPtr before, const lock::Keeper* keeper) {
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
        co_await store_.record_bad(report.hash, *worse);
        lock::FleetChange change{report.fence, report.hash, "", "bad", *worse, 0, 0};
        if (keeper) co_await fleet_.finish(std::move(change));
    } else if (lost()) { // which says nothing about the configuration
        co_await roll_back(report, std::move(before), "the lock was lost before there was a verdict");
    }
    co_return report.verdict == ReloadVerdict::applied&& report.errors.empty();
}

// Tells the fleet what is about to change. Whoever comes too late is refused there.
asio::awaitable<void> Changer::announce(ReloadReport& report) {
    const auto error = co_await fleet_.begin(report.fence, report.hash);
    if (error == lock::LockError::lost)
        report.refuse("another machine has made a later change: this one's fence, " + std::to_string(report.fence) +
                      ", is too low");
    else if (error) report.refuse("the fleet cannot be told of the change: " + fleet_.problem());
}

// False where another has made a later change meanwhile: this one is taken back.
asio::awaitable<bool> Changer::conclude(ReloadReport& report, SnapshotPtr before) {
    lock::FleetChange change{report.fence, report.hash, "", "good", "", 0, 0};
    const auto error = co_await fleet_.finish(std::move(change));
    if (error != lock::LockError::lost) co_return true;
    co_await roll_back(report, std::move(before), "another machine has made a later change meanwhile");
    co_return false;
}

asio::awaitable<void> Changer::roll_back(ReloadReport& report, SnapshotPtr before, std::string why) {
    now_.restore_health();
    const auto problems = co_await now_.apply(before->config, before->hash);
    report.errors.push_back(std::move(why));
    for (const auto& problem : problems)
        report.errors.push_back("it cannot be rolled back: " + problem.path + ": " + problem.why);
    report.verdict = problems.empty() ? ReloadVerdict::rolled_back : ReloadVerdict::stuck;
}

} // namespace weir::proxy
