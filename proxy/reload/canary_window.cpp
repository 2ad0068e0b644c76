#include "proxy/reload/canary_window.h"

#include "proxy/reload/runtime_sample.h"

#include <algorithm>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto sample_interval = std::chrono::milliseconds(50);

} // namespace

void CanaryWindow::begin(const ErrorRateBaseline& history) {
    before_ = {take_sample(runtime_), {}, history.rates(), count_listeners(runtime_), history.refusals()};
    before_.errors.merge(
        error_rates(tries_between({}, before_.sample))); // for pools without recent traffic: since they began
    before_.refusals.merge(error_rates(before_.listeners));
}

void CanaryWindow::changed() {
    before_.counters = take_sample(runtime_);
    before_.listeners = count_listeners(runtime_);
}

asio::awaitable<WindowVerdict> CanaryWindow::watch(conf::Rollback rules, const lock::LeaseRenewer* lease) {
    end_ = timer_.now() + rules.window;
    end_asked_ = RollbackCause::none;
    std::optional<std::string> worse;
    while (timer_.now() < *end_ && judge(worse, lease).end == WindowEnd::passed) {
        timer_.expires_at(std::min(*end_, timer_.now() + sample_interval));
        co_await timer_.wait();
        worse = find_worse(rules);
    }
    end_.reset();
    co_return judge(worse, lease);
}

std::optional<std::string> CanaryWindow::find_worse(const conf::Rollback& rules) const {
    auto worse = find_regression(rules, before_, take_sample(runtime_));
    return worse ? worse : find_refusals(rules, before_, count_listeners(runtime_));
}

// The order matters: a regression puts the configuration on the denylist, whatever else has happened.
WindowVerdict CanaryWindow::judge(const std::optional<std::string>& worse, const lock::LeaseRenewer* lease) const {
    if (closed_) return {WindowEnd::closed, RollbackCause::none, ""};
    if (worse) return {WindowEnd::failed, RollbackCause::worse, *worse};
    if (end_asked_ == RollbackCause::aborted)
        return {WindowEnd::failed, end_asked_, "aborted by an operator (weir reload --abort)"};
    if (end_asked_ != RollbackCause::none)
        return {WindowEnd::failed, end_asked_, "a newer configuration arrived before the canary window ended"};
    if (lease && !lease->is_held())
        return {WindowEnd::failed, RollbackCause::lock_lost,
                "the lock was lost within the canary window: " + lease->loss()};
    return {};
}

bool CanaryWindow::end(RollbackCause cause) {
    if (!is_open() || closed_) return false;
    if (end_asked_ != RollbackCause::aborted) end_asked_ = cause;
    timer_.cancel();
    return true;
}

void CanaryWindow::close() {
    closed_ = true;
    timer_.cancel();
}

std::optional<std::chrono::milliseconds> CanaryWindow::left() const {
    if (!end_) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - timer_.now());
}

} // namespace weir::proxy
