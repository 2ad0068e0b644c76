#include "proxy/reload/reload_previewer.h"

#include "conf/model/units.h"
#include "proxy/reload/denial.h"
#include "proxy/reload/judged_change.h"
#include "proxy/reload/lock_move.h"
#include "proxy/reload/lock_preview.h"

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Describes the effect of a restart on clients, in a sentence.
std::string restart_note(const conf::Process& process) {
    return "restart weir to apply the changes that need it: open connections have " +
           conf::format(process.drain_timeout) +
           " (process.drain_timeout) to finish, and clients are refused until weir has started again";
}

// A pushed configuration must keep the fleet together.
void check_for_fleet(const conf::Reload& ours, JudgedChange& change) {
    const auto& wanted = change.loaded.config.reload;
    if (wanted.source != conf::ConfigSource::fleet)
        change.refusal.add(change.loaded.format(
            {"reload.source",
             "write fleet: otherwise the machines would no longer take their configuration from the fleet"}));
    if (wanted.lock.type != ours.lock.type || wanted.lock.fleet != ours.lock.fleet)
        change.refusal.add(change.loaded.format(
            {"reload.lock",
             "it names another fleet than this machine's: the machines would lose contact with each other"}));
}

// The files that a configuration names are no part of it, so they are added to the plan afterwards.
conf::Change describe(const FileChange& change) {
    const bool is_certificate = change.kind == FileChange::Kind::certificate;
    return {conf::ChangeType::changed,
            is_certificate ? "certificate" : "file",
            change.name,
            {{is_certificate ? "fingerprint" : "sha256", change.before, change.after}},
            change.kind == FileChange::Kind::page_or_users ? "for new requests" : "for new connections"};
}

} // namespace

asio::awaitable<ReloadReport> ReloadPreviewer::examine(std::vector<conf::SourceFile> files) {
    const auto at = clock_.wall_now();
    auto loaded = co_await next_.read(std::move(files));
    const auto hash = loaded.hash;
    co_await learn_of_unban(store_, fleet_, hash);
    const auto& in_force = *runtime_.snapshot();
    auto change = judge(std::move(loaded), in_force, store_.find_bad(hash), Force::no);
    if (change.loaded.ok()) check_for_fleet(in_force.config.reload, change);
    const auto verdict = co_await fleet_.verdict(hash);
    if (verdict.denied) change.refusal.add(describe_denial(*verdict.denied));
    auto report = report_of(change);
    report.at = at;
    co_return report;
}

asio::awaitable<ReloadPreview> ReloadPreviewer::preview(std::vector<conf::SourceFile> files) {
    ReloadPreview preview;
    const auto at = clock_.wall_now();
    auto loaded = co_await next_.read_for_preview(std::move(files));
    // Both denylists are checked below.
    auto change = judge(std::move(loaded), *runtime_.snapshot(), nullptr, Force::yes);
    auto& refusal = change.refusal;
    std::vector<FileChange> changed_files;
    if (change.loaded.ok()) {
        auto applied = co_await runtime_.preview(change.loaded.config);
        changed_files = std::move(applied.files);
        for (const auto& problem : applied.obstacles) refusal.add_here(change.loaded.format(problem));
        auto denial = co_await find_denial(change.loaded.hash);
        preview.is_denylisted = denial.has_value();
        if (denial) refusal.add(*std::move(denial));
    }
    if (change.loaded.ok() && !change.plan.empty()) {
        const auto advice = moves_lock(runtime_.snapshot()->config, change.loaded) ? std::string(how_to_move) : "";
        auto lock = co_await preview_lock(fleet_, lock_, runtime_.snapshot()->config.reload.lock);
        if (lock.note) preview.notes.push_back(*std::move(lock.note));
        if (lock.obstacle) refusal.add_for_now(*lock.obstacle + advice);
    }
    const auto& config = runtime_.snapshot()->config;
    if (change.loaded.ok())
        preview.overrides =
            override_fates(runtime_.adjustments().operator_overrides, pool_names(config), change.loaded.config);
    for (auto& note : notes(change.plan)) preview.notes.push_back(std::move(note));
    if (state_.is_stopping) refusal.add_for_now(stopping);
    preview.report = report_of(change);
    preview.report.at = at;
    auto& changes = preview.report.plan.changes;
    for (const auto& file : changed_files) changes.push_back(describe(file));
    if (!change.is_refused() && !changes.empty()) preview.report.verdict = ReloadVerdict::applied;
    co_return preview;
}

// Returns why a configuration is on this machine's or the fleet's denylist, if it is. Unlike a reload, it does not drop
// entries that the fleet has unbanned.
asio::awaitable<std::optional<std::string>> ReloadPreviewer::find_denial(std::string hash) {
    std::optional<std::string> denial;
    if (hash == runtime_.snapshot()->hash) co_return denial;
    const auto verdict = co_await fleet_.verdict(hash);
    const auto* bad = store_.find_bad(hash);
    if (bad && !bad->is_unbanned_by(verdict.unbanned_fence)) denial = describe_denial(*bad);
    else if (verdict.denied) denial = describe_denial(*verdict.denied);
    co_return denial;
}

// Returns what else an operator should know.
std::vector<std::string> ReloadPreviewer::notes(const conf::Plan& plan) const {
    std::vector<std::string> notes;
    if (plan.needs_restart()) notes.push_back(restart_note(runtime_.snapshot()->config.process));
    if (next_.takes_from_fleet())
        notes.push_back("this machine takes its configuration from the fleet (reload.source): a reload does not read "
                        "this file; weir fleet push does");
    if (window_.is_open())
        notes.push_back("the previous change is in its canary window: a newer configuration ends it, and the previous "
                        "change is rolled back first");
    else if (locked_.lock_use() != LockUse::none) notes.push_back("a change is in progress: a reload starts after it");
    if (next_.files().are_being_written()) notes.push_back("a program is writing the file: it may be incomplete");
    return notes;
}

} // namespace weir::proxy
