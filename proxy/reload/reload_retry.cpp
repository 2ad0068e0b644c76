#include "proxy/reload/reload_retry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace weir::proxy {

std::chrono::milliseconds RetryPauses::next() { return std::exchange(pause_, std::min(2 * pause_, longest)); }

std::optional<PendingReload> pending_after(const ReloadReport& report, Force force,
                                           const std::optional<PendingReload>& before) {
    // A change whose rollback failed is in force, so nothing is pending.
    if (report.is_success() || report.verdict == ReloadVerdict::rollback_failed) return std::nullopt;
    PendingReload pending{
        report.hash, report.errors.empty() ? "" : report.errors[0], report.trigger, force, 1, report.at, std::nullopt};
    if (before && before->hash == report.hash) {
        pending.since = before->since;
        pending.attempts = before->attempts + 1;
    }
    return pending;
}

void ReloadRetry::note(const ReloadReport& report, Force force, Repeated repeated) {
    timer_.cancel();
    const auto before = std::exchange(pending_, std::nullopt);
    pending_ = pending_after(report, force, before);
    if (!pending_ || !before || before->hash != pending_->hash) pauses_.reset();
    const bool again = pending_ && report.retry != RetryDecision::none && report.cause != RollbackCause::newer_file;
    if (!again || repeated == Repeated::yes || stopped_) return;
    const auto pause = pauses_.next();
    spdlog::info("reload: hash {} is pending; retrying in {} s", pending_->hash.substr(0, 12), pause.count() / 1000);
    arm(pause);
}

void ReloadRetry::arm(std::chrono::milliseconds pause) {
    if (!pending_ || stopped_) return;
    pending_->next_try = clock_.wall_now() + pause;
    timer_.expires_after(pause);
    timer_.wait([this](WaitEnd end) {
        if (end == WaitEnd::expired && !stopped_) listener_.on_retry_due();
    });
}

void ReloadRetry::note_unread(std::string hash, ReloadTrigger trigger, std::string reason) {
    clear();
    pending_ =
        PendingReload{std::move(hash), std::move(reason), trigger, Force::no, 0, clock_.wall_now(), std::nullopt};
}

void ReloadRetry::clear() {
    timer_.cancel();
    pending_.reset();
}

void ReloadRetry::give_up(std::string reason) {
    if (!pending_) return;
    spdlog::warn("reload: {}", reason);
    pending_->reason = std::move(reason);
    pending_->next_try.reset();
}

void ReloadRetry::stop() {
    stopped_ = true;
    timer_.cancel();
}

} // namespace weir::proxy
