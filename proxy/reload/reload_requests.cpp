#include "proxy/reload/reload_requests.h"

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// An operator's command is reported as the trigger, whatever else has asked; a retry does not replace a trigger. Only
// requests of one kind are joined into one of that kind.
ReloadRequest join(const ReloadRequest& waiting, const ReloadRequest& request) {
    auto joined = waiting;
    if (waiting.trigger != ReloadTrigger::command && request.kind != ReloadRequest::Kind::retry)
        joined.trigger = request.trigger;
    if (request.force == Force::yes) joined.force = Force::yes;
    if (request.kind != waiting.kind) joined.kind = ReloadRequest::Kind::reload;
    return joined;
}

} // namespace

std::uint64_t ReloadRequests::add(const ReloadRequest& request) {
    joined_ = has_waiting() ? join(joined_, request) : request;
    arrived_.notify_all();
    return ++asked_;
}

asio::awaitable<ReloadRequest> ReloadRequests::next() {
    while (!has_waiting() || held_) co_await arrived_.wait();
    begun_ = asked_;
    co_return std::exchange(joined_, {});
}

void ReloadRequests::finish() {
    finished_up_to_ = begun_;
    finished_.notify_all();
}

asio::awaitable<void> ReloadRequests::wait_until_finished(std::uint64_t number) {
    while (finished_up_to_ < number) co_await finished_.wait();
}

void ReloadRequests::resume() {
    held_ = false;
    arrived_.notify_all();
}

} // namespace weir::proxy
