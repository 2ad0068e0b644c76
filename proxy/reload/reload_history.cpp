#include "proxy/reload/reload_history.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace {

void write_to_log(const ReloadReport& report) {
    const auto hash = report.hash.substr(0, 12);
    switch (report.verdict) {
    case ReloadVerdict::applied:
        spdlog::info("reload applied: {} changes, hash {}, fence {}, {} ms", report.plan.changes.size(), hash,
                     report.fence, report.took.count());
        for (const auto& change : report.plan.changes) spdlog::info("  {}", change.text());
        break;
    case ReloadVerdict::unchanged:
        spdlog::info("reload: the file is equivalent to the configuration in force (hash {})", hash);
        break;
    case ReloadVerdict::refused: spdlog::error("reload refused; the running configuration is unchanged"); break;
    case ReloadVerdict::rolled_back:
        spdlog::error("reload rolled back; the previous configuration is in force again (hash {}{})", hash,
                      report.is_denylisted() ? " is on the denylist: it is refused until it changes" : "");
        break;
    case ReloadVerdict::rollback_failed:
        spdlog::critical("reload: the new configuration makes things worse, but its rollback failed (hash {})", hash);
        break;
    }
    for (const auto& error : report.errors) spdlog::error("  {}", error);
}

std::uint64_t& count_of(ReloadVerdict verdict, ReloadCounts& counts) {
    switch (verdict) {
    case ReloadVerdict::applied: return counts.applied;
    case ReloadVerdict::unchanged: return counts.unchanged;
    case ReloadVerdict::refused: return counts.refused;
    case ReloadVerdict::rolled_back: return counts.rolled_back;
    case ReloadVerdict::rollback_failed: return counts.rollback_failed;
    }
    return counts.refused;
}

} // namespace

void ReloadHistory::add(ReloadReport report) {
    ++count_of(report.verdict, counts_);
    counts_.lock_failures += report.lock_failed;
    write_to_log(report);
    last_ = std::move(report);
}

} // namespace weir::proxy
