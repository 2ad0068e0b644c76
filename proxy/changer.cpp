#include "proxy/changer.h"

#include "lock/fence_store.h"
#include "lock/parallel_lock.h"
#include "proxy/given_mark.h"
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
using boost::system::error_code;

namespace {

constexpr int most_overtaken = 20; // before a change gives up

// How others see who holds the lock.
std::string holder_name(const conf::LockSettings& settings) {
    return member_name(settings) + ":" + std::to_string(::getpid());
}

std::string told(const conf::BadConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, or insist: weir reload --force";
}

std::string told(const lock::FleetBad& bad) {
    return bad.author + " has taken this configuration back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, forgive it (weir fleet forgive " + bad.hash.substr(0, 12) +
           "), or insist: weir reload --force";
}

asio::awaitable<void> keep_there(std::string state_dir, lock::FleetVersion given) {
    GivenMark(state_dir).write(given);
    co_return;
}

asio::awaitable<error_code> admit_there(std::string state_dir, std::uint64_t fence, std::string hash) {
    co_return lock::FenceStore(state_dir).admit(fence, hash);
}

// Per cent of the backends that should serve.
std::uint32_t healthy_share(const Picture& picture) {
    PoolPicture all;
    for (const auto& [_, pool] : picture) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

} // namespace

Changer::Changer(asio::io_context& control, Running& running, std::string path, const std::string& state_dir,
                 ConfigReader::OnFiles on_files)
    : control_(control), now_(running), state_dir_(state_dir), store_(disk_, state_dir, path),
      window_(control, running),
      fleet_(control, Fleet::About{[this] { return describe_self(); },
                                   [state_dir] {
                                       const auto fence = lock::FenceStore(state_dir).read();
                                       return fence ? *fence : 0;
                                   },
                                   [this] {
                                       if (on_given_ && source() == conf::ConfigSource::fleet) on_given_();
                                   }}),
      reader_(disk_, fleet_, std::move(path), std::move(on_files)) {
    asio::co_spawn(control_, keep_history(), log::tell_failure);
}

conf::ConfigSource Changer::source() const {
    return now_.snapshot() ? now_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

lock::FleetMember Changer::describe_self() const {
    lock::FleetMember self;
    self.version = version;
    self.fence = fence_;
    self.state = closed_ ? "stopping" : on_trial_ ? "watching" : "serving";
    self.given = reader_.given().number;
    self.takes_given = source() == conf::ConfigSource::fleet;
    self.refused = refused_.first;
    self.why = refused_.second.substr(0, 500);
    self.hash = hash_in_force();
    if (now_.snapshot()) self.healthy = healthy_share(take_picture(now_));
    return self;
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
    reader_.watch(loaded);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.tell(problem));
    if (errors.empty()) fleet_.follow(now_.snapshot()->config.reload, GivenMark(state_dir_).read());
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
    auto loaded = co_await reader_.load(source());
    refused_ = {}; // it is looked at anew
    co_return loaded;
}

asio::awaitable<ReloadReport> Changer::examine(std::vector<conf::SourceFile> files) {
    const auto loaded = co_await reader_.read(std::move(files));
    const auto seen = seen_hash_; // it is not what this machine itself was to load
    ReloadReport report;
    refuse_early(loaded, Insist::no, report);
    seen_hash_ = seen;
    const auto& wanted = loaded.config.reload;
    const auto& ours = now_.snapshot()->config.reload;
    if (loaded.ok() && wanted.source != conf::ConfigSource::fleet)
        report.refuse(loaded.tell({"reload.source", "write fleet: with it, the machines would take nothing from the "
                                                    "fleet any more"}));
    if (loaded.ok() && (wanted.lock.type != ours.lock.type || wanted.lock.fleet != ours.lock.fleet))
        report.refuse(loaded.tell({"reload.lock", "it is of another fleet than this machine: the machines would no "
                                                  "longer find each other"}));
    const auto opinion = co_await fleet_.opinion(loaded.hash);
    if (opinion.bad) report.refuse(told(*opinion.bad));
    co_return report;
}

// What can be told without the lock. True where that is the end of it.
bool Changer::refuse_early(const conf::Loaded& loaded, Insist insist, ReloadReport& report) {
    seen_hash_ = loaded.hash;
    report.hash = loaded.hash;
    report.errors.clear();
    for (const auto& error : loaded.errors) report.errors.push_back(error.text());
    report.for_now = loaded.hash.empty(); // nothing could be read
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
    if (store_.find_bad(first.hash)) { // as this machine remembers it; somebody may have forgiven it meanwhile
        const auto opinion = co_await fleet_.opinion(first.hash);
        if (opinion.forgiven) co_await store_.forgive(first.hash);
    }
    if (!refuse_early(first, insist, report)) {
        if (report.plan.empty()) { // a comment may have changed: nothing that needs a lock
            report.verdict = ReloadVerdict::unchanged;
            const auto problems = co_await now_.apply(std::move(first.config), first.hash);
            for (const auto& problem : problems) report.refuse(first.tell(problem)); // a token's file, perhaps
        } else {
            co_await try_until_through(std::move(first), report, insist);
        }
    }
    co_await settle(report);
    co_return report;
}

// Whoever was overtaken by others that make the same change tries again.
asio::awaitable<void> Changer::try_until_through(conf::Loaded first, ReloadReport& report, Insist insist) {
    auto again = co_await try_change(std::move(first), report, insist);
    for (int i = 0; again == Again::yes && i < most_overtaken; ++i) {
        report.verdict = ReloadVerdict::unchanged;
        report.errors.clear();
        auto loaded = co_await load();
        again = co_await try_change(std::move(loaded), report, insist);
    }
    if (again == Again::yes) report.refuse_for_now("others change the fleet all the time");
}

// What became of it is known, here and to the fleet; unless it is to be tried again.
asio::awaitable<void> Changer::settle(const ReloadReport& report) {
    const auto given = reader_.given();
    refused_ = {};
    if (!report.is_success()) refused_ = {report.hash, report.errors.empty() ? "" : report.errors.at(0)};
    const bool is_final = source() == conf::ConfigSource::fleet && given.number > 0 && !report.for_now;
    if (is_final) {
        fleet_.settle(given);
        co_await asio::co_spawn(disk_, keep_there(state_dir_, given), asio::use_awaitable);
    }
    fleet_.tell_soon();
}

// Where several may go side by side, it is as many as the fleet allows at the moment.
std::shared_ptr<lock::Lock> Changer::lock_for(const std::string& hash) {
    const auto settings = now_.snapshot()->config.reload.lock;
    const lock::ParallelLock::Make make = [executor = control_.get_executor(), settings, dir = state_dir_](
                                              unsigned place) { return make_lock(executor, settings, dir, place); };
    if (settings.parallel == conf::Parallel{}) return make(1);
    return std::make_shared<lock::ParallelLock>(make, [this, hash] { return fleet_.places(hash); });
}

asio::awaitable<Changer::Again> Changer::try_change(conf::Loaded first, ReloadReport& report, Insist insist) {
    const auto settings = now_.snapshot()->config.reload.lock;
    const auto lock = lock_for(first.hash);
    const auto dice = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); };
    auto fence = fleet_.fence();
    auto lease = co_await lock::acquire(*lock, holder_name(settings), settings.wait, dice);
    // Nobody waits at a terminal: while others get through, this machine's turn comes.
    while (is_patient(report, lease.error(), fence))
        lease = co_await lock::acquire(*lock, holder_name(settings), settings.wait, dice);
    if (lease) {
        holds_lock_ = true;
        lock::Keeper keeper(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        const auto again = co_await change_locked(std::move(first), report, insist, &keeper);
        co_await keeper.release();
        holds_lock_ = false;
        co_return again;
    }
    report.lock_failed = true;
    const bool unavailable = lease.error() == lock::LockError::unavailable;
    const auto why = "lock " + lease.error().message() + (unavailable ? ": " + lock->last_problem() : "");
    if (unavailable && settings.on_unavailable == conf::OnUnavailable::proceed) {
        spdlog::warn("{}; reloading without it (reload.lock.on_unavailable: proceed)", why);
        co_return co_await change_locked(std::move(first), report, insist, nullptr);
    }
    report.refuse_for_now(why);
    co_return Again::no;
}

// Whether to wait on for a lock that was held by others all the time: they get somewhere, and no operator waits.
bool Changer::is_patient(const ReloadReport& report, const error_code& error, std::uint64_t& fence) const {
    const bool moves = fleet_.fence() > fence;
    fence = fleet_.fence();
    return error == lock::LockError::timed_out && moves && report.trigger != "command" && !closed_;
}

// The file may have changed while others held the lock: what counts is what it says now.
asio::awaitable<Changer::Again> Changer::change_locked(conf::Loaded first, ReloadReport& report, Insist insist,
                                                       const lock::Keeper* keeper) {
    auto loaded = co_await reader_.load_again(source(), std::move(first));
    const bool as_before = loaded.ok() && loaded.hash == report.hash;
    // A place beside others is for what they do.
    if (!as_before && keeper && keeper->place() > 1) co_return Again::yes;
    if (!as_before && refuse_early(loaded, insist, report)) co_return Again::no;
    const auto opinion = co_await fleet_.opinion(loaded.hash);
    const auto& bad = opinion.bad;
    if (bad && insist == Insist::no && loaded.hash != now_.snapshot()->hash) {
        report.refuse(told(*bad));
        co_await store_.record_bad(bad->hash, bad->why); // for when the fleet cannot be asked
        co_return Again::no;
    }
    auto again = Again::no;
    if (keeper) again = co_await announce(report, *keeper);
    if (again == Again::yes) co_return again;
    if (keeper && report.verdict != ReloadVerdict::refused) co_await admit(report);
    if (keeper && !keeper->is_held()) report.refuse_for_now("the lock was lost before the change was made");
    if (closed_) report.refuse("weir is stopping");
    if (report.verdict != ReloadVerdict::refused) co_await put_in_force(std::move(loaded), report, keeper);
    co_return Again::no;
}

asio::awaitable<void> Changer::put_in_force(conf::Loaded loaded, ReloadReport& report, const lock::Keeper* keeper) {
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
        on_trial_ = true;
        fleet_.tell_soon();
    }
    const bool applied = report.verdict == ReloadVerdict::applied;
    bool stood = false;
    if (applied) stood = co_await watch(report, before, keeper);
    if (keeper && stood) stood = co_await conclude(report, before);
    now_.stand_by(nullptr);
    on_trial_ = false;
    if (report.verdict == ReloadVerdict::rolled_back) fence_ = fence_before;
    // Only now: until there was a verdict, the fleet was the one that this change was begun in.
    if (report.verdict == ReloadVerdict::applied)
        fleet_.follow(now_.snapshot()->config.reload, GivenMark(state_dir_).read());
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
        report.for_now = true;
        co_await roll_back(report, std::move(before), "the lock was lost before there was a verdict");
    }
    co_return report.verdict == ReloadVerdict::applied&& report.errors.empty();
}

// Tells the fleet what is about to change. Whoever comes too late is refused there; one that was only overtaken, and
// still has its lease, tries again.
asio::awaitable<Changer::Again> Changer::announce(ReloadReport& report, const lock::Keeper& keeper) {
    const auto going = keeper.place() > 1 ? lock::Going::beside : lock::Going::first;
    const auto error = co_await fleet_.begin(report.fence, report.hash, going);
    if (!error) co_return Again::no;
    if (error == lock::LockError::lost && keeper.is_held()) co_return Again::yes;
    if (error == lock::LockError::lost)
        report.refuse_for_now("another machine has made a later change: this one's fence, " +
                              std::to_string(report.fence) + ", is too low");
    else report.refuse_for_now("the fleet cannot be told of the change: " + fleet_.problem());
    co_return Again::no;
}

// This machine's own guard: no fence takes effect on it that is lower than one that did, and none twice.
asio::awaitable<void> Changer::admit(ReloadReport& report) {
    const auto error =
        co_await asio::co_spawn(disk_, admit_there(state_dir_, report.fence, report.hash), asio::use_awaitable);
    if (error == lock::LockError::lost)
        report.refuse("this machine has made a later change: this one's fence, " + std::to_string(report.fence) +
                      ", is too low");
    else if (error) report.refuse("the fence in state_dir: " + error.message());
}

// False where another has made a later change meanwhile: this one is taken back.
asio::awaitable<bool> Changer::conclude(ReloadReport& report, SnapshotPtr before) {
    lock::FleetChange change{report.fence, report.hash, "", "good", "", 0, 0};
    const auto error = co_await fleet_.finish(std::move(change));
    if (error != lock::LockError::lost) co_return true;
    report.for_now = true;
    co_await roll_back(report, std::move(before),
                       "another machine has made a later change meanwhile, or has found this "
                       "one to be bad");
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
