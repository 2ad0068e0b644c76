#include "proxy/reload/config_change.h"

#include "base/iso_time.h"
#include "base/version.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr int most_overtaken = 20; // retries before a change gives up
constexpr std::chrono::seconds patience_with_disks{3};

std::string told(const conf::DeniedConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, or insist: weir reload --force";
}

std::string told(const lock::FleetBad& bad) {
    return bad.author + " has taken this configuration back at " + to_iso(bad.since) + ": " + bad.why +
           "; change it, forgive it (weir fleet forgive " + bad.hash.substr(0, 12) +
           "), or insist: weir reload --force";
}

constexpr auto stopping = "weir is stopping";

// Suffixes to the reason for which the lock could not be acquired.
constexpr auto goes_on_as_configured = "; reloading without it (reload.lock.on_unavailable: proceed)";
constexpr auto goes_on_by_force =
    "; moving the lock to other servers without it (--force): the old servers could not be asked which configurations "
    "the fleet has rolled back, and whether another machine changes at this moment. Until every machine has the new "
    "servers, the machines do not take turns";
constexpr auto how_to_move = "; this configuration changes the servers of the lock: if those in force are gone for "
                             "good, apply it without asking them: weir reload --force";

// Returns the percentage of healthy backends among those that should serve.
std::uint32_t healthy_share(const HealthSample& picture) {
    PoolSample all;
    for (const auto& [_, pool] : picture) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

} // namespace

ConfigChange::ConfigChange(asio::io_context& control, Runtime& runtime, std::string path, const std::string& state_dir,
                           ConfigFiles& files)
    : control_(control), now_(runtime), files_(files), store_(state_dir, path), fleet_(control, about_self()),
      reader_(fleet_, std::move(path), files), canary_(control, runtime, store_, fleet_),
      turns_(control, fleet_, store_.fences()) {}

FleetAgent::About ConfigChange::about_self() {
    return {[this] { return describe_self(); }, [this] { return store_.floor(); },
            [this](const std::string& fleet) { return store_.given(fleet); },
            [this] {
                if (on_given_ && source() == conf::ConfigSource::fleet) on_given_();
            }};
}

bool ConfigChange::wait_idle() {
    return store_.disk().wait_idle(patience_with_disks) && reader_.disk().wait_idle(patience_with_disks);
}

conf::ConfigSource ConfigChange::source() const {
    return now_.snapshot() ? now_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

lock::FleetMember ConfigChange::describe_self() const {
    lock::FleetMember self;
    self.version = version;
    self.fence = canary_.in_force().fence;
    using lock::MemberState;
    self.state = canary_.is_under_way() ? MemberState::watching : MemberState::serving;
    if (canary_.is_closed()) self.state = MemberState::stopping;
    self.given = taken_.number;
    self.takes_given = source() == conf::ConfigSource::fleet;
    self.refused = refused_.first;
    self.why = refused_.second.substr(0, 500);
    self.hash = hash_in_force();
    if (now_.snapshot()) self.healthy = healthy_share(take_sample(now_));
    return self;
}

asio::awaitable<std::vector<std::string>> ConfigChange::start(conf::Loaded loaded) {
    if (loaded.seen_hash.empty()) seen_ = mark_of(loaded); // otherwise the file has not been judged yet
    reader_.watch(loaded);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.tell(problem));
    if (errors.empty()) fleet_.follow(now_.snapshot()->config.reload);
    if (errors.empty()) asio::co_spawn(control_, canary_.watch_start(std::move(started)), log::tell_failure);
    co_return errors;
}

asio::awaitable<conf::Loaded> ConfigChange::load(Force insist) {
    const auto given = reader_.given().number;
    read_from_ = source();
    auto loaded = co_await reader_.load(read_from_);
    if (insist == Force::yes && read_from_ == conf::ConfigSource::fleet && loaded.hash.empty()) {
        auto own = co_await reader_.load(conf::ConfigSource::file);
        if (moves_lock(own)) {
            read_from_ = conf::ConfigSource::file;
            loaded = std::move(own);
        }
    }
    if (reader_.given().number != given) refused_ = {}; // reset: it concerned another version
    co_return loaded;
}

// Identifies one reading of the files. The hash alone does not, because an unreadable file adds nothing to it.
std::string ConfigChange::mark_of(const conf::Loaded& loaded) {
    auto mark = loaded.hash;
    for (const auto& file : loaded.sources) mark += "\n" + file.path + ":" + std::to_string(file.text.size());
    for (const auto& error : loaded.errors) mark += "\n" + error.text();
    return mark;
}

asio::awaitable<void> ConfigChange::end_window_if_newer(Force insist) {
    const auto loaded = co_await reader_.peek(source());
    if (!loaded.ok() || loaded.hash == hash_in_force() || !window().is_open()) co_return;
    ReloadReport report;
    judge(loaded, insist, report);
    if (report.verdict != ReloadVerdict::refused && !report.plan.empty()) canary_.end_window(RollbackCause::newer_file);
}

asio::awaitable<ReloadReport> ConfigChange::examine(std::vector<conf::SourceFile> files) {
    const auto loaded = co_await reader_.read(std::move(files));
    co_await learn_of_forgiveness(loaded.hash);
    ReloadReport report;
    judge(loaded, Force::no, report);
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

asio::awaitable<conf::Loaded> ConfigChange::read_for_preview(std::vector<conf::SourceFile> files) {
    if (files.empty()) co_return co_await reader_.peek(source());
    if (is_same_path(files[0].path, path())) {
        auto own = co_await reader_.peek(conf::ConfigSource::file);
        // Another machine may have a different file at the same path.
        if (!own.sources.empty() && own.sources[0].text == files[0].text) co_return own;
    }
    co_return co_await reader_.read(std::move(files));
}

asio::awaitable<ReloadPreview> ConfigChange::preview(std::vector<conf::SourceFile> files) {
    ReloadPreview preview;
    auto& report = preview.report;
    const auto loaded = co_await read_for_preview(std::move(files));
    judge(loaded, Force::yes, report); // the denylist is checked below
    if (loaded.ok()) {
        const auto obstacles = co_await now_.find_obstacles(loaded.config);
        for (const auto& problem : obstacles) report.refuse_here(loaded.tell(problem));
        co_await preview_denylist(preview);
        const auto lock = now_.snapshot()->config.reload.lock;
        const auto how = moves_lock(loaded) ? std::string(how_to_move) : "";
        if (!report.plan.empty()) co_await preview_lock(preview, fleet_, turns_, lock, how);
    }
    preview_circumstances(preview, loaded);
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict != ReloadVerdict::refused && !report.plan.empty()) report.verdict = ReloadVerdict::applied;
    co_return preview;
}

// Checks the local and the fleet's denylist. Unlike a reload, it does not drop entries that the fleet has unbanned.
asio::awaitable<void> ConfigChange::preview_denylist(ReloadPreview& preview) {
    auto& report = preview.report;
    if (report.hash == hash_in_force()) co_return;
    const auto opinion = co_await fleet_.opinion(report.hash);
    const auto* bad = store_.find_bad(report.hash);
    if (bad && bad->is_forgiven_by(opinion.forgiven_fence)) bad = nullptr;
    preview.is_denylisted = bad || opinion.bad;
    if (bad) report.refuse(told(*bad));
    else if (opinion.bad) report.refuse(told(*opinion.bad));
}

// Adds notes on what else an operator should know.
void ConfigChange::preview_circumstances(ReloadPreview& preview, const conf::Loaded& loaded) const {
    const auto& plan = preview.report.plan;
    const auto& runtime = now_.snapshot()->config;
    if (loaded.ok())
        preview.overrides = override_fates(now_.adjustments().operator_overrides, pool_names(runtime), loaded.config);
    if (plan.needs_restart()) preview.notes.push_back(restart_note(runtime.process));
    if (takes_from_fleet())
        preview.notes.push_back("this machine takes its configuration from the fleet (reload.source): a reload does "
                                "not read this file, weir fleet push does");
    if (window().is_open())
        preview.notes.push_back("the change before is in its canary window: a newer configuration ends that, and the "
                                "change before is rolled back first");
    else if (lock_use_ != LockUse::none) preview.notes.push_back("a change is under way: a reload comes after it");
    if (files_.are_being_written())
        preview.notes.push_back("a program is writing the file at the moment: this may be half of it");
}

// Checks what can be checked without the lock. Returns true if the change is refused.
bool ConfigChange::refuse_early(const conf::Loaded& loaded, Force insist, ReloadReport& report) {
    seen_ = mark_of(loaded);
    taken_ = reader_.given();
    judge(loaded, insist, report);
    return report.verdict == ReloadVerdict::refused;
}

void ConfigChange::judge(const conf::Loaded& loaded, Force insist, ReloadReport& report) const {
    report.hash = loaded.hash;
    report.errors.clear();
    for (const auto& error : loaded.errors) report.errors.push_back(error.text());
    report.retry = RetryDecision::none;
    if (loaded.hash.empty()) report.retry = RetryDecision::all; // nothing could be read
    else if (!loaded.is_read_whole()) report.retry = RetryDecision::locally;
    if (!loaded.ok()) {
        report.verdict = ReloadVerdict::refused;
        return;
    }
    report.plan = conf::plan(conf::describe(now_.snapshot()->config), conf::describe(loaded.config));
    for (const auto& change : report.plan.changes)
        if (change.applies == conf::Applies::needs_restart) report.refuse(loaded.tell({change.kind, change.text()}));
    const auto* bad = store_.find_bad(loaded.hash);
    if (bad && insist == Force::no && loaded.hash != now_.snapshot()->hash) report.refuse(told(*bad));
}

// The fleet may have unbanned a configuration that is on this machine's denylist.
asio::awaitable<void> ConfigChange::learn_of_forgiveness(std::string hash) {
    if (!store_.find_bad(hash)) co_return;
    const auto opinion = co_await fleet_.opinion(hash);
    const auto* bad = store_.find_bad(hash);
    if (bad && bad->is_forgiven_by(opinion.forgiven_fence)) co_await store_.forgive(hash);
}

asio::awaitable<ReloadReport> ConfigChange::change(conf::Loaded first, ReloadTrigger trigger, Force insist) {
    ReloadReport report;
    report.trigger = trigger;
    refused_ = {};
    taken_ = reader_.given();
    if (canary_.is_closed()) {
        report.hash = first.hash;
        report.refuse_for_now(stopping);
        co_return report;
    }
    co_await learn_of_forgiveness(first.hash);
    if (!refuse_early(first, insist, report)) {
        if (report.plan.empty()) { // perhaps only a comment changed, which needs no lock
            report.verdict = ReloadVerdict::unchanged;
            const auto problems = co_await now_.apply(std::move(first.config), first.hash);
            for (const auto& problem : problems) report.refuse_here(first.tell(problem)); // perhaps a token file
        } else {
            co_await try_until_through(std::move(first), report, insist);
        }
    }
    now_.forget_names(); // names that a refused configuration had resolved
    co_await settle(report);
    co_return report;
}

// Retries while other machines make the same change first.
asio::awaitable<void> ConfigChange::try_until_through(conf::Loaded first, ReloadReport& report, Force insist) {
    auto again = co_await try_change(std::move(first), report, insist);
    for (int i = 0; again == Again::yes && i < most_overtaken; ++i) {
        report.verdict = ReloadVerdict::unchanged;
        report.errors.clear();
        report.retry = RetryDecision::none;
        now_.forget_names();
        auto loaded = co_await load(insist);
        co_await learn_of_forgiveness(loaded.hash);
        if (refuse_early(loaded, insist, report)) co_return;
        again = co_await try_change(std::move(loaded), report, insist);
    }
    if (again == Again::yes)
        report.refuse_for_now("gave up after " + std::to_string(most_overtaken + 1) +
                              " attempts: other machines kept changing the fleet first");
}

// Records the outcome here and reports it to the fleet, unless the change will be retried.
asio::awaitable<void> ConfigChange::settle(const ReloadReport& report) {
    const auto given = taken_;
    const bool from_fleet = source() == conf::ConfigSource::fleet;
    refused_ = {};
    if (from_fleet && report.is_for_now()) co_return; // the fleet agent repeats it automatically
    if (!report.is_success()) refused_ = {report.hash, report.errors.empty() ? "" : report.errors.at(0)};
    if (from_fleet && given.number > 0) {
        fleet_.settle(given);
        co_await store_.keep_given(now_.snapshot()->config.reload.lock.fleet, given);
    }
    fleet_.tell_soon();
}

asio::awaitable<ConfigChange::Again> ConfigChange::try_change(conf::Loaded first, ReloadReport& report, Force insist) {
    const auto settings = now_.snapshot()->config.reload.lock;
    const auto patience =
        report.trigger == ReloadTrigger::command ? WaitPolicy::as_configured : WaitPolicy::while_others_get_through;
    const std::function<bool()> is_over = [this] { return canary_.is_closed(); };
    lock_use_ = LockUse::waiting;
    const auto turn = co_await turns_.take(settings, first.hash, patience, is_over);
    const auto& [lock, lease] = turn;
    lock_use_ = lease ? LockUse::held : LockUse::none;
    if (lease) {
        lock::LeaseRenewer keeper(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        const auto again = co_await change_locked(std::move(first), report, insist, &keeper);
        co_await keeper.release();
        lock_use_ = LockUse::none;
        co_return again;
    }
    if (canary_.is_closed()) {
        report.refuse_for_now(stopping);
        co_return Again::no;
    }
    report.lock_failed = true;
    const bool unavailable = lease.error() == lock::LockError::unavailable;
    const auto why = (unavailable ? "lock unavailable: " : "lock ") + lease.error().message();
    if (unavailable && may_go_unlocked(first, insist)) {
        const bool proceeds = settings.on_unavailable == conf::OnUnavailable::proceed;
        report.warnings = {why + (proceeds ? goes_on_as_configured : goes_on_by_force)};
        spdlog::warn("{}", report.warnings[0]);
        co_return co_await change_locked(std::move(first), report, insist, nullptr);
    }
    report.refuse_for_now(why + (unavailable && moves_lock(first) ? how_to_move : ""));
    co_return Again::no;
}

// Returns whether a change may be made without the lock if its servers are unavailable.
bool ConfigChange::may_go_unlocked(const conf::Loaded& loaded, Force insist) const {
    const auto policy = now_.snapshot()->config.reload.lock.on_unavailable;
    return policy == conf::OnUnavailable::proceed || (insist == Force::yes && moves_lock(loaded));
}

// Returns whether this configuration moves the lock to other servers.
bool ConfigChange::moves_lock(const conf::Loaded& loaded) const {
    if (!loaded.ok()) return false;
    const auto& from = now_.snapshot()->config.reload.lock;
    const auto& to = loaded.config.reload.lock;
    return from.type != to.type || from.servers != to.servers;
}

// The file may have changed while others held the lock: its content now is what counts.
asio::awaitable<ConfigChange::Again> ConfigChange::change_locked(conf::Loaded first, ReloadReport& report, Force insist,
                                                                 const lock::LeaseRenewer* keeper) {
    auto loaded = co_await reader_.load_again(read_from_, std::move(first));
    taken_ = reader_.given();
    const bool as_before = loaded.ok() && loaded.hash == report.hash;
    // A parallel slot is only valid for the change that the other machines make.
    if (!as_before && keeper && keeper->place() > 1) co_return Again::yes;
    if (!as_before && refuse_early(loaded, insist, report)) co_return Again::no;
    if (!keeper && !may_go_unlocked(loaded, insist)) { // it moved the lock when it was first read
        report.refuse_for_now("the file has changed while the servers of the lock were asked");
        co_return Again::no;
    }
    // Resolving names may take long, so all other conditions are checked after it.
    const auto unknown = co_await now_.find_names(loaded.config);
    for (const auto& problem : unknown) report.refuse_here(loaded.tell(problem));
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict == ReloadVerdict::refused) co_return Again::no;
    const auto opinion = co_await fleet_.opinion(loaded.hash);
    const auto& bad = opinion.bad;
    if (bad && insist == Force::no && loaded.hash != now_.snapshot()->hash) {
        report.refuse(told(*bad));
        co_await store_.record_bad(bad->hash, bad->why); // for times when the fleet is unreachable
        co_return Again::no;
    }
    auto again = Again::no;
    if (keeper) again = co_await announce(report, *keeper);
    if (again == Again::yes) co_return again;
    if (keeper && report.verdict != ReloadVerdict::refused) {
        const auto admitted = co_await store_.admit(report.fence, report.hash);
        if (!admitted) report.refuse_here(admitted.error().message());
    }
    if (keeper && !keeper->is_held()) report.refuse_for_now("the lock was lost before the change was made");
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict != ReloadVerdict::refused) co_await canary_.run(std::move(loaded), report, keeper);
    co_return Again::no;
}

// Announces the change to the fleet. A change with a stale fence is refused; one that was only overtaken, and still
// holds its lease, is retried.
asio::awaitable<ConfigChange::Again> ConfigChange::announce(ReloadReport& report, const lock::LeaseRenewer& keeper) {
    const auto going = keeper.place() > 1 ? lock::Going::beside : lock::Going::first;
    const auto begun = co_await fleet_.begin(report.fence, report.hash, going);
    const bool lost = !begun && begun.error() == lock::LockError::lost;
    if (lost && keeper.is_held()) co_return Again::yes;
    if (lost)
        report.refuse_for_now("another machine has made a later change: this one's fence, " +
                              std::to_string(report.fence) + ", is too low");
    else if (!begun) report.refuse_for_now("the fleet cannot be told of the change: " + begun.error().message());
    co_return Again::no;
}

} // namespace weir::proxy
