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

constexpr int max_overtaken = 20; // retries before a change gives up
constexpr std::chrono::seconds disk_timeout{3};

std::string describe_denial(const conf::DeniedConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.reason +
           "; change it, or override: weir reload --force";
}

std::string describe_denial(const lock::FleetDenylistEntry& bad) {
    return bad.author + " rolled this configuration back at " + to_iso(bad.since) + ": " + bad.reason +
           "; change it, unban it (weir fleet unban " + bad.hash.substr(0, 12) + "), or override: weir reload --force";
}

constexpr auto stopping = "weir is stopping";

// Suffixes to the reason for which the lock could not be acquired.
constexpr auto goes_on_as_configured = "; reloading without it (reload.lock.on_unavailable: proceed)";
constexpr auto goes_on_by_force =
    "; moving the lock to other servers without holding it (--force): the old servers could not report which "
    "configurations the fleet has rolled back, or whether another machine is reloading. Until every machine uses the "
    "new servers, machines may reload at the same time";
constexpr auto how_to_move = "; this configuration changes the lock servers: if the current ones are gone for "
                             "good, apply it without them: weir reload --force";

// Returns the percentage of healthy backends among those that should serve.
std::uint32_t healthy_share(const HealthSample& sample) {
    PoolSample all;
    for (const auto& [_, pool] : sample) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

} // namespace

ConfigChange::ConfigChange(asio::io_context& control, Runtime& runtime, std::string path, const std::string& state_dir,
                           ConfigFiles& files)
    : control_(control), runtime_(runtime), files_(files), store_(state_dir, path), fleet_(control, about_self()),
      reader_(fleet_, std::move(path), files), canary_(control, runtime, store_, fleet_),
      reload_lock_(control, fleet_, store_.fences()) {}

FleetAgent::About ConfigChange::about_self() {
    return {[this] { return describe_self(); }, [this] { return store_.fence_watermark(); },
            [this](const std::string& fleet) { return store_.pushed(fleet); },
            [this] {
                if (on_pushed_ && source() == conf::ConfigSource::fleet) on_pushed_();
            }};
}

bool ConfigChange::wait_idle() {
    return store_.disk().wait_idle(disk_timeout) && reader_.disk().wait_idle(disk_timeout);
}

conf::ConfigSource ConfigChange::source() const {
    return runtime_.snapshot() ? runtime_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

lock::FleetMember ConfigChange::describe_self() const {
    lock::FleetMember self;
    self.version = version;
    self.fence = canary_.in_force().fence;
    using lock::MemberState;
    self.state = canary_.is_under_way() ? MemberState::watching : MemberState::serving;
    if (canary_.is_closed()) self.state = MemberState::stopping;
    self.pushed_version = applying_.number;
    self.takes_pushed = source() == conf::ConfigSource::fleet;
    self.refused = refused_.first;
    self.reason = refused_.second.substr(0, 500);
    self.hash = hash_in_force();
    if (runtime_.snapshot()) self.healthy = healthy_share(take_sample(runtime_));
    return self;
}

asio::awaitable<std::vector<std::string>> ConfigChange::start(conf::Loaded loaded) {
    if (loaded.seen_hash.empty()) seen_ = mark_of(loaded); // otherwise the file has not been judged yet
    reader_.watch(loaded);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await runtime_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.format(problem));
    if (errors.empty()) fleet_.follow(runtime_.snapshot()->config.reload);
    if (errors.empty()) asio::co_spawn(control_, canary_.watch_start(std::move(started)), log::log_exception);
    co_return errors;
}

asio::awaitable<conf::Loaded> ConfigChange::load(Force force) {
    const auto pushed = reader_.pushed().number;
    read_from_ = source();
    auto loaded = co_await reader_.load(read_from_);
    if (force == Force::yes && read_from_ == conf::ConfigSource::fleet && loaded.hash.empty()) {
        auto own = co_await reader_.load(conf::ConfigSource::file);
        if (moves_lock(own)) {
            read_from_ = conf::ConfigSource::file;
            loaded = std::move(own);
        }
    }
    if (reader_.pushed().number != pushed) refused_ = {}; // reset: it concerned another version
    co_return loaded;
}

// Identifies one reading of the files. The hash alone does not, because an unreadable file adds nothing to it.
std::string ConfigChange::mark_of(const conf::Loaded& loaded) {
    auto mark = loaded.hash;
    for (const auto& file : loaded.sources) mark += "\n" + file.path + ":" + std::to_string(file.text.size());
    for (const auto& error : loaded.errors) mark += "\n" + error.text();
    return mark;
}

asio::awaitable<void> ConfigChange::end_window_if_newer(Force force) {
    const auto loaded = co_await reader_.peek(source());
    if (!loaded.ok() || loaded.hash == hash_in_force() || !window().is_open()) co_return;
    ReloadReport report;
    judge(loaded, force, report);
    if (report.verdict != ReloadVerdict::refused && !report.plan.empty()) canary_.end_window(RollbackCause::newer_file);
}

asio::awaitable<ReloadReport> ConfigChange::examine(std::vector<conf::SourceFile> files) {
    const auto loaded = co_await reader_.read(std::move(files));
    co_await learn_of_unban(loaded.hash);
    ReloadReport report;
    judge(loaded, Force::no, report);
    const auto& wanted = loaded.config.reload;
    const auto& ours = runtime_.snapshot()->config.reload;
    if (loaded.ok() && wanted.source != conf::ConfigSource::fleet)
        report.refuse(loaded.format({"reload.source", "write fleet: otherwise the machines would no longer take their "
                                                      "configuration from the fleet"}));
    if (loaded.ok() && (wanted.lock.type != ours.lock.type || wanted.lock.fleet != ours.lock.fleet))
        report.refuse(loaded.format({"reload.lock", "it names another fleet than this machine's: the machines would "
                                                    "lose contact with each other"}));
    const auto verdict = co_await fleet_.verdict(loaded.hash);
    if (verdict.denied) report.refuse(describe_denial(*verdict.denied));
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
        const auto obstacles = co_await runtime_.find_obstacles(loaded.config);
        for (const auto& problem : obstacles) report.refuse_here(loaded.format(problem));
        co_await preview_denylist(preview);
        const auto lock = runtime_.snapshot()->config.reload.lock;
        const auto how = moves_lock(loaded) ? std::string(how_to_move) : "";
        if (!report.plan.empty()) co_await preview_lock(preview, fleet_, reload_lock_, lock, how);
    }
    add_preview_notes(preview, loaded);
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict != ReloadVerdict::refused && !report.plan.empty()) report.verdict = ReloadVerdict::applied;
    co_return preview;
}

// Checks the local and the fleet's denylist. Unlike a reload, it does not drop entries that the fleet has unbanned.
asio::awaitable<void> ConfigChange::preview_denylist(ReloadPreview& preview) {
    auto& report = preview.report;
    if (report.hash == hash_in_force()) co_return;
    const auto verdict = co_await fleet_.verdict(report.hash);
    const auto* bad = store_.find_bad(report.hash);
    if (bad && bad->is_unbanned_by(verdict.unbanned_fence)) bad = nullptr;
    preview.is_denylisted = bad || verdict.denied;
    if (bad) report.refuse(describe_denial(*bad));
    else if (verdict.denied) report.refuse(describe_denial(*verdict.denied));
}

// Adds notes on what else an operator should know.
void ConfigChange::add_preview_notes(ReloadPreview& preview, const conf::Loaded& loaded) const {
    const auto& plan = preview.report.plan;
    const auto& runtime = runtime_.snapshot()->config;
    if (loaded.ok())
        preview.overrides =
            override_fates(runtime_.adjustments().operator_overrides, pool_names(runtime), loaded.config);
    if (plan.needs_restart()) preview.notes.push_back(restart_note(runtime.process));
    if (takes_from_fleet())
        preview.notes.push_back("this machine takes its configuration from the fleet (reload.source): a reload does "
                                "not read this file; weir fleet push does");
    if (window().is_open())
        preview.notes.push_back("the previous change is in its canary window: a newer configuration ends it, and the "
                                "previous change is rolled back first");
    else if (lock_use_ != LockUse::none) preview.notes.push_back("a change is in progress: a reload starts after it");
    if (files_.are_being_written()) preview.notes.push_back("a program is writing the file: it may be incomplete");
}

// Checks what can be checked without the lock. Returns true if the change is refused.
bool ConfigChange::refuse_early(const conf::Loaded& loaded, Force force, ReloadReport& report) {
    seen_ = mark_of(loaded);
    applying_ = reader_.pushed();
    judge(loaded, force, report);
    return report.verdict == ReloadVerdict::refused;
}

void ConfigChange::judge(const conf::Loaded& loaded, Force force, ReloadReport& report) const {
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
    report.plan = conf::plan(conf::describe(runtime_.snapshot()->config), conf::describe(loaded.config));
    for (const auto& change : report.plan.changes)
        if (change.applies == conf::Applies::needs_restart) report.refuse(loaded.format({change.kind, change.text()}));
    const auto* bad = store_.find_bad(loaded.hash);
    if (bad && force == Force::no && loaded.hash != runtime_.snapshot()->hash) report.refuse(describe_denial(*bad));
}

// The fleet may have unbanned a configuration that is on this machine's denylist.
asio::awaitable<void> ConfigChange::learn_of_unban(std::string hash) {
    if (!store_.find_bad(hash)) co_return;
    const auto verdict = co_await fleet_.verdict(hash);
    const auto* bad = store_.find_bad(hash);
    if (bad && bad->is_unbanned_by(verdict.unbanned_fence)) co_await store_.unban(hash);
}

asio::awaitable<ReloadReport> ConfigChange::change(conf::Loaded first, ReloadTrigger trigger, Force force) {
    ReloadReport report;
    report.trigger = trigger;
    refused_ = {};
    applying_ = reader_.pushed();
    if (canary_.is_closed()) {
        report.hash = first.hash;
        report.refuse_for_now(stopping);
        co_return report;
    }
    co_await learn_of_unban(first.hash);
    if (!refuse_early(first, force, report)) {
        if (report.plan.empty()) { // perhaps only a comment changed, which needs no lock
            report.verdict = ReloadVerdict::unchanged;
            const auto problems = co_await runtime_.apply(std::move(first.config), first.hash);
            for (const auto& problem : problems) report.refuse_here(first.format(problem)); // perhaps a token file
        } else {
            co_await try_until_through(std::move(first), report, force);
        }
    }
    runtime_.forget_names(); // names that a refused configuration had resolved
    co_await settle(report);
    co_return report;
}

// Retries while other machines make the same change first.
asio::awaitable<void> ConfigChange::try_until_through(conf::Loaded first, ReloadReport& report, Force force) {
    auto retry = co_await try_change(std::move(first), report, force);
    for (int i = 0; retry == Retry::yes && i < max_overtaken; ++i) {
        report.verdict = ReloadVerdict::unchanged;
        report.errors.clear();
        report.retry = RetryDecision::none;
        runtime_.forget_names();
        auto loaded = co_await load(force);
        co_await learn_of_unban(loaded.hash);
        if (refuse_early(loaded, force, report)) co_return;
        retry = co_await try_change(std::move(loaded), report, force);
    }
    if (retry == Retry::yes)
        report.refuse_for_now("gave up after " + std::to_string(max_overtaken + 1) +
                              " attempts: other machines kept changing the fleet first");
}

// Records the outcome here and reports it to the fleet, unless the change will be retried.
asio::awaitable<void> ConfigChange::settle(const ReloadReport& report) {
    const auto pushed = applying_;
    const bool from_fleet = source() == conf::ConfigSource::fleet;
    refused_ = {};
    if (from_fleet && report.is_for_now()) co_return; // the fleet agent repeats it automatically
    if (!report.is_success()) refused_ = {report.hash, report.errors.empty() ? "" : report.errors.at(0)};
    if (from_fleet && pushed.number > 0) {
        fleet_.settle(pushed);
        co_await store_.store_pushed(runtime_.snapshot()->config.reload.lock.fleet, pushed);
    }
    fleet_.send_heartbeat_soon();
}

asio::awaitable<ConfigChange::Retry> ConfigChange::try_change(conf::Loaded first, ReloadReport& report, Force force) {
    const auto settings = runtime_.snapshot()->config.reload.lock;
    const auto policy =
        report.trigger == ReloadTrigger::command ? WaitPolicy::as_configured : WaitPolicy::while_others_get_through;
    const std::function<bool()> is_over = [this] { return canary_.is_closed(); };
    lock_use_ = LockUse::waiting;
    const auto attempt = co_await reload_lock_.take(settings, first.hash, policy, is_over);
    const auto& [lock, lease] = attempt;
    lock_use_ = lease ? LockUse::held : LockUse::none;
    if (lease) {
        lock::LeaseRenewer renewer(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        const auto retry = co_await change_locked(std::move(first), report, force, &renewer);
        co_await renewer.release();
        lock_use_ = LockUse::none;
        co_return retry;
    }
    if (canary_.is_closed()) {
        report.refuse_for_now(stopping);
        co_return Retry::no;
    }
    report.lock_failed = true;
    const bool unavailable = lease.error() == lock::LockError::unavailable;
    const auto reason = (unavailable ? "cannot acquire the lock: unavailable: " : "cannot acquire the lock: ") +
                        lease.error().message();
    if (unavailable && may_go_unlocked(first, force)) {
        const bool proceeds = settings.on_unavailable == conf::OnUnavailable::proceed;
        report.warnings = {reason + (proceeds ? goes_on_as_configured : goes_on_by_force)};
        spdlog::warn("{}", report.warnings[0]);
        co_return co_await change_locked(std::move(first), report, force, nullptr);
    }
    report.refuse_for_now(reason + (unavailable && moves_lock(first) ? how_to_move : ""));
    co_return Retry::no;
}

// Returns whether a change may be made without the lock if its servers are unavailable.
bool ConfigChange::may_go_unlocked(const conf::Loaded& loaded, Force force) const {
    const auto policy = runtime_.snapshot()->config.reload.lock.on_unavailable;
    return policy == conf::OnUnavailable::proceed || (force == Force::yes && moves_lock(loaded));
}

// Returns whether this configuration moves the lock to other servers.
bool ConfigChange::moves_lock(const conf::Loaded& loaded) const {
    if (!loaded.ok()) return false;
    const auto& from = runtime_.snapshot()->config.reload.lock;
    const auto& to = loaded.config.reload.lock;
    return from.type != to.type || from.servers != to.servers;
}

// The file may have changed while others held the lock: its content now is what counts.
asio::awaitable<ConfigChange::Retry> ConfigChange::change_locked(conf::Loaded first, ReloadReport& report, Force force,
                                                                 const lock::LeaseRenewer* renewer) {
    auto loaded = co_await reader_.load_again(read_from_, std::move(first));
    applying_ = reader_.pushed();
    const bool as_before = loaded.ok() && loaded.hash == report.hash;
    // A parallel slot is only valid for the change that the other machines make.
    if (!as_before && renewer && renewer->slot() > 1) co_return Retry::yes;
    if (!as_before && refuse_early(loaded, force, report)) co_return Retry::no;
    if (!renewer && !may_go_unlocked(loaded, force)) { // it moved the lock when it was first read
        report.refuse_for_now("the file changed while the lock was being acquired");
        co_return Retry::no;
    }
    // Resolving names may take long, so all other conditions are checked after it.
    const auto unknown = co_await runtime_.find_names(loaded.config);
    for (const auto& problem : unknown) report.refuse_here(loaded.format(problem));
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict == ReloadVerdict::refused) co_return Retry::no;
    const auto verdict = co_await fleet_.verdict(loaded.hash);
    const auto& bad = verdict.denied;
    if (bad && force == Force::no && loaded.hash != runtime_.snapshot()->hash) {
        report.refuse(describe_denial(*bad));
        co_await store_.record_bad(bad->hash, bad->reason); // for times when the fleet is unreachable
        co_return Retry::no;
    }
    auto retry = Retry::no;
    if (renewer) retry = co_await announce(report, *renewer);
    if (retry == Retry::yes) co_return retry;
    if (renewer && report.verdict != ReloadVerdict::refused) {
        const auto admitted = co_await store_.admit(report.fence, report.hash);
        if (!admitted) report.refuse_here(admitted.error().message());
    }
    if (renewer && !renewer->is_held()) report.refuse_for_now("the lock was lost before the change was applied");
    if (canary_.is_closed()) report.refuse_for_now(stopping);
    if (report.verdict != ReloadVerdict::refused) co_await canary_.run(std::move(loaded), report, renewer);
    co_return Retry::no;
}

// Announces the change to the fleet. A change with a stale fence is refused; one that was only overtaken, and still
// holds its lease, is retried.
asio::awaitable<ConfigChange::Retry> ConfigChange::announce(ReloadReport& report, const lock::LeaseRenewer& renewer) {
    const auto kind = renewer.slot() > 1 ? lock::ChangeKind::parallel : lock::ChangeKind::first;
    const auto begun = co_await fleet_.begin(report.fence, report.hash, kind);
    const bool lost = !begun && begun.error() == lock::LockError::lost;
    if (lost && renewer.is_held()) co_return Retry::yes;
    if (lost)
        report.refuse_for_now("another machine has made a later change: the fence of this one, " +
                              std::to_string(report.fence) + ", is too low");
    else if (!begun) report.refuse_for_now("cannot announce the change to the fleet: " + begun.error().message());
    co_return Retry::no;
}

} // namespace weir::proxy
