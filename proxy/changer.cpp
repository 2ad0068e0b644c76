#include "proxy/changer.h"

#include "proxy/iso_time.h"
#include "proxy/log/logger.h"
#include "proxy/version.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int most_overtaken = 20; // before a change gives up
constexpr std::chrono::seconds patience_with_disks{3};

std::string told(const conf::BadConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, or insist: weir reload --force";
}

std::string told(const lock::FleetBad& bad) {
    return bad.author + " has taken this configuration back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, forgive it (weir fleet forgive " + bad.hash.substr(0, 12) +
           "), or insist: weir reload --force";
}

constexpr auto stopping = "weir is stopping";

// Per cent of the backends that should serve.
std::uint32_t healthy_share(const Picture& picture) {
    PoolPicture all;
    for (const auto& [_, pool] : picture) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

} // namespace

Changer::Changer(asio::io_context& control, Running& running, std::string path, const std::string& state_dir,
                 ConfigReader::OnFiles on_files)
    : control_(control), now_(running), store_(state_dir, path), fleet_(control, about_self()),
      reader_(fleet_, std::move(path), std::move(on_files)), trial_(control, running, store_, fleet_),
      turns_(control, fleet_, store_.fences()) {}

Fleet::About Changer::about_self() {
    return {[this] { return describe_self(); }, [this] { return store_.floor(); },
            [this](const std::string& fleet) { return store_.given(fleet); },
            [this] {
                if (on_given_ && source() == conf::ConfigSource::fleet) on_given_();
            }};
}

bool Changer::comes_to_rest() {
    return store_.disk().comes_to_rest(patience_with_disks) && reader_.disk().comes_to_rest(patience_with_disks);
}

conf::ConfigSource Changer::source() const {
    return now_.snapshot() ? now_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

lock::FleetMember Changer::describe_self() const {
    lock::FleetMember self;
    self.version = version;
    self.fence = trial_.fence();
    self.state = trial_.is_closed() ? "stopping" : trial_.is_under_way() ? "watching" : "serving";
    self.given = reader_.given().number;
    self.takes_given = source() == conf::ConfigSource::fleet;
    self.refused = refused_.first;
    self.why = refused_.second.substr(0, 500);
    self.hash = hash_in_force();
    if (now_.snapshot()) self.healthy = healthy_share(take_picture(now_));
    return self;
}

asio::awaitable<std::vector<std::string>> Changer::start(conf::Loaded loaded) {
    seen_hash_ = loaded.seen_hash.empty() ? loaded.hash : loaded.seen_hash;
    reader_.watch(loaded);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.tell(problem));
    if (errors.empty()) fleet_.follow(now_.snapshot()->config.reload);
    if (errors.empty()) asio::co_spawn(control_, trial_.watch_start(std::move(started)), log::tell_failure);
    co_return errors;
}

asio::awaitable<conf::Loaded> Changer::load() {
    const auto given = reader_.given().number;
    auto loaded = co_await reader_.load(source());
    if (reader_.given().number != given) refused_ = {}; // what is said of it from here on is about this one
    co_return loaded;
}

asio::awaitable<ReloadReport> Changer::examine(std::vector<conf::SourceFile> files) {
    const auto loaded = co_await reader_.read(std::move(files));
    co_await learn_of_forgiveness(loaded.hash);
    ReloadReport report;
    judge(loaded, Insist::no, report);
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
    judge(loaded, insist, report);
    return report.verdict == ReloadVerdict::refused;
}

void Changer::judge(const conf::Loaded& loaded, Insist insist, ReloadReport& report) const {
    report.hash = loaded.hash;
    report.errors.clear();
    for (const auto& error : loaded.errors) report.errors.push_back(error.text());
    report.for_now = loaded.hash.empty(); // nothing could be read
    if (!loaded.ok()) {
        report.verdict = ReloadVerdict::refused;
        return;
    }
    report.plan = conf::plan(conf::describe(now_.snapshot()->config), conf::describe(loaded.config));
    for (const auto& change : report.plan.changes)
        if (change.applies == conf::Applies::needs_restart) report.refuse(loaded.tell({change.kind, change.text()}));
    const auto* bad = store_.find_bad(loaded.hash);
    if (bad && insist == Insist::no && loaded.hash != now_.snapshot()->hash) report.refuse(told(*bad));
}

// What this machine remembers to be bad may have been forgiven in the fleet meanwhile.
asio::awaitable<void> Changer::learn_of_forgiveness(std::string hash) {
    if (!store_.find_bad(hash)) co_return;
    const auto opinion = co_await fleet_.opinion(hash);
    const auto* bad = store_.find_bad(hash);
    if (bad && bad->since <= opinion.forgiven_at) co_await store_.forgive(hash);
}

asio::awaitable<ReloadReport> Changer::change(conf::Loaded first, std::string trigger, Insist insist) {
    ReloadReport report;
    report.trigger = std::move(trigger);
    refused_ = {};
    if (trial_.is_closed()) {
        report.hash = first.hash;
        report.refuse_for_now(stopping);
        co_return report;
    }
    co_await learn_of_forgiveness(first.hash);
    if (!refuse_early(first, insist, report)) {
        if (report.plan.empty()) { // a comment may have changed: nothing that needs a lock
            report.verdict = ReloadVerdict::unchanged;
            const auto problems = co_await now_.apply(std::move(first.config), first.hash);
            for (const auto& problem : problems) report.refuse(first.tell(problem)); // a token's file, perhaps
        } else {
            co_await try_until_through(std::move(first), report, insist);
        }
    }
    now_.forget_names(); // that a refused one had looked up
    co_await settle(report);
    co_return report;
}

// Whoever was overtaken by others that make the same change tries again.
asio::awaitable<void> Changer::try_until_through(conf::Loaded first, ReloadReport& report, Insist insist) {
    auto again = co_await try_change(std::move(first), report, insist);
    for (int i = 0; again == Again::yes && i < most_overtaken; ++i) {
        report.verdict = ReloadVerdict::unchanged;
        report.errors.clear();
        report.for_now = false;
        now_.forget_names();
        auto loaded = co_await load();
        co_await learn_of_forgiveness(loaded.hash);
        if (refuse_early(loaded, insist, report)) co_return;
        again = co_await try_change(std::move(loaded), report, insist);
    }
    if (again == Again::yes) report.refuse_for_now("others change the fleet all the time");
}

// What became of it is known, here and to the fleet; unless it is to be tried again.
asio::awaitable<void> Changer::settle(const ReloadReport& report) {
    const auto given = reader_.given();
    const bool from_fleet = source() == conf::ConfigSource::fleet;
    refused_ = {};
    if (from_fleet && report.for_now) co_return; // it comes again by itself
    if (!report.is_success()) refused_ = {report.hash, report.errors.empty() ? "" : report.errors.at(0)};
    if (from_fleet && given.number > 0) {
        fleet_.settle(given);
        co_await store_.keep_given(now_.snapshot()->config.reload.lock.fleet, given);
    }
    fleet_.tell_soon();
}

asio::awaitable<Changer::Again> Changer::try_change(conf::Loaded first, ReloadReport& report, Insist insist) {
    const auto settings = now_.snapshot()->config.reload.lock;
    const auto patience = report.trigger == "command" ? Patience::as_configured : Patience::while_others_get_through;
    const std::function<bool()> is_over = [this] { return trial_.is_closed(); };
    const auto turn = co_await turns_.take(settings, first.hash, patience, is_over);
    const auto& [lock, lease] = turn;
    if (lease) {
        holds_lock_ = true;
        lock::Keeper keeper(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        const auto again = co_await change_locked(std::move(first), report, insist, &keeper);
        co_await keeper.release();
        holds_lock_ = false;
        co_return again;
    }
    if (trial_.is_closed()) {
        report.refuse_for_now(stopping);
        co_return Again::no;
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

// The file may have changed while others held the lock: what counts is what it says now.
asio::awaitable<Changer::Again> Changer::change_locked(conf::Loaded first, ReloadReport& report, Insist insist,
                                                       const lock::Keeper* keeper) {
    auto loaded = co_await reader_.load_again(source(), std::move(first));
    const bool as_before = loaded.ok() && loaded.hash == report.hash;
    // A place beside others is for what they do.
    if (!as_before && keeper && keeper->place() > 1) co_return Again::yes;
    if (!as_before && refuse_early(loaded, insist, report)) co_return Again::no;
    // Names may take their time: what is to hold when the change is made is looked at after that.
    const auto unknown = co_await now_.find_names(loaded.config);
    for (const auto& problem : unknown) report.refuse(loaded.tell(problem));
    if (trial_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict == ReloadVerdict::refused) co_return Again::no;
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
    if (keeper && report.verdict != ReloadVerdict::refused) {
        const auto why = co_await store_.admit(report.fence, report.hash);
        if (!why.empty()) report.refuse(why);
    }
    if (keeper && !keeper->is_held()) report.refuse_for_now("the lock was lost before the change was made");
    if (trial_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict != ReloadVerdict::refused) co_await trial_.run(std::move(loaded), report, keeper);
    co_return Again::no;
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

} // namespace weir::proxy
