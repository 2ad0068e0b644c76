#include "proxy/reload/judged_change.h"

#include "proxy/reload/denial.h"

#include <utility>

namespace weir::proxy {

namespace {

// What cannot be read now may be readable later; what can be read and has errors has to be edited.
RetryDecision retry_of(const conf::Loaded& loaded) {
    if (loaded.hash.empty()) return RetryDecision::all; // nothing could be read
    return loaded.is_read_whole() ? RetryDecision::none : RetryDecision::locally;
}

} // namespace

JudgedChange judge(conf::Loaded loaded, const Snapshot& in_force, const conf::DeniedConfig* denied, Force force) {
    JudgedChange change{std::move(loaded), {}, {}};
    const auto& read = change.loaded;
    change.refusal.retry = retry_of(read);
    for (const auto& error : read.errors) change.refusal.add(error.text());
    if (!read.ok()) return change;
    change.plan = conf::plan(conf::describe(in_force.config), conf::describe(read.config));
    for (const auto& item : change.plan.changes)
        if (item.applies == conf::Applies::needs_restart) change.refusal.add(read.format({item.kind, item.text()}));
    if (denied && force == Force::no && read.hash != in_force.hash) change.refusal.add(describe_denial(*denied));
    return change;
}

ReloadReport report_of(const JudgedChange& change) {
    ReloadReport report;
    report.hash = change.loaded.hash;
    report.plan = change.plan;
    if (change.is_refused()) report.refuse(change.refusal);
    return report;
}

} // namespace weir::proxy
