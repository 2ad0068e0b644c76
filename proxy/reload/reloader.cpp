#include "proxy/reload/reloader.h"

#include "base/timer.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto look_interval = std::chrono::milliseconds(50);

} // namespace

Reloader::Reloader(asio::io_context& control, ReloadParts& parts)
    : control_(control), clock_(clock_of(control)), parts_(parts), requests_(control), retry_(control, *this) {
    asio::co_spawn(control, work(), log::log_exception);
    parts_.membership.set_listener(this);
}

Reloader::~Reloader() { parts_.membership.set_listener(nullptr); }

void Reloader::close(Presence presence) {
    retry_.stop();
    parts_.close(presence);
}

asio::awaitable<std::vector<std::string>> Reloader::start(conf::Loaded loaded) {
    const auto hash = loaded.hash, seen = loaded.seen_hash;
    auto errors = co_await parts_.change.start(std::move(loaded));
    ReloadReport report;
    report.verdict = ReloadVerdict::applied;
    report.errors = errors;
    report.trigger = ReloadTrigger::start;
    report.hash = hash;
    report.at = clock_.wall_now();
    history_.begin_with(std::move(report));
    if (!seen.empty() && seen != hash)
        retry_.note_unread(seen, ReloadTrigger::start,
                           "the file was refused at startup; weir runs the last good configuration");
    co_return errors;
}

void Reloader::request(ReloadTrigger trigger, Force force) { add({ReloadRequest::Kind::reload, trigger, force}); }

void Reloader::request_if_changed(ReloadTrigger trigger) { add({ReloadRequest::Kind::if_changed, trigger, Force::no}); }

void Reloader::on_retry_due() {
    if (parts_.next.files().are_being_written()) retry_.postpone(); // half a file must not be applied
    else add({ReloadRequest::Kind::retry, pending()->trigger, pending()->force});
}

// Within a canary window, only a version that differs from the one being watched is a reason for a reload.
void Reloader::on_pushed() {
    const bool newer = parts_.canary.window().is_open() && parts_.next.has_newer_push();
    if ((newer || !in_progress()) && !requests_.has_waiting()) request(ReloadTrigger::fleet);
}

void Reloader::add(const ReloadRequest& request) {
    requests_.add(request);
    if (in_progress() && !std::exchange(looking_, true)) asio::co_spawn(control_, look_for_newer(), log::log_exception);
}

asio::awaitable<ReloadReport> Reloader::request_and_wait(ReloadTrigger trigger, Force force) {
    request(trigger, force);
    co_await requests_.wait_until_finished(requests_.newest());
    co_return last();
}

asio::awaitable<std::optional<ReloadReport>> Reloader::abort() {
    std::optional<ReloadReport> report;
    if (!in_progress() || !parts_.canary.end_window(RollbackCause::aborted)) co_return report;
    co_await requests_.wait_until_finished(requests_.in_progress());
    report = last();
    co_return report;
}

void Reloader::note_files() { asio::co_spawn(control_, look_at_files(), log::log_exception); }

bool Reloader::is_in_force(const conf::Loaded& loaded) const {
    return loaded.ok() && loaded.hash == parts_.hash_in_force();
}

asio::awaitable<void> Reloader::look_at_files() {
    const auto loaded = co_await parts_.next.peek();
    if (in_progress() || parts_.state.is_stopping || loaded.hash.empty()) co_return;
    if (is_in_force(loaded)) retry_.clear();
    else if (!pending() || pending()->hash != loaded.hash)
        retry_.note_unread(loaded.hash, ReloadTrigger::watch,
                           "the file has changed, and reload.watch is off: run weir reload");
}

asio::awaitable<Result<void>> Reloader::settle_files() {
    while (in_progress()) co_await requests_.wait_until_finished(requests_.in_progress());
    const auto loaded = co_await parts_.next.peek();
    if (is_in_force(loaded)) co_return Result<void>();
    if (parts_.next.takes_from_fleet() && loaded.hash.empty()) co_return Result<void>(); // the new process decides
    const auto refusal = [hash = loaded.hash.substr(0, 12)](const std::string& reason) {
        return Error("the configuration on disk (hash " + hash + ") is not in force: " + reason);
    };
    const auto& known = pending();
    if (known && known->attempts > 0 && known->hash == loaded.hash && parts_.next.has_seen(loaded))
        co_return refusal(known->reason);
    const auto report = co_await request_and_wait(ReloadTrigger::upgrade);
    if (report.is_success()) co_return Result<void>();
    co_return refusal(report.errors.empty() ? "it was refused" : report.errors[0]);
}

asio::awaitable<void> Reloader::look_for_newer() {
    auto looked = requests_.in_progress();
    while (in_progress() && !parts_.state.is_stopping && requests_.has_waiting()) {
        if (looked != requests_.newest() && parts_.canary.window().is_open()) {
            looked = requests_.newest();
            co_await parts_.change.end_window_if_newer(requests_.waiting_force());
        }
        co_await sleep_for(look_interval);
    }
    looking_ = false;
}

asio::awaitable<void> Reloader::work() {
    for (;;) {
        const auto request = co_await requests_.next();
        std::string failed;
        try {
            if (auto report = co_await reload(request)) finish(*std::move(report), request.force);
        } catch (const std::exception& e) { // out of memory or threads
            failed = e.what();
        }
        if (!failed.empty()) {
            ReloadReport report;
            report.trigger = ReloadTrigger::retry;
            report.at = clock_.wall_now();
            Refusal refusal;
            refusal.add_here("internal error: " + failed);
            report.refuse(std::move(refusal));
            finish(std::move(report), Force::no);
        }
        requests_.finish();
        co_await asio::post(control_, asio::use_awaitable); // so that waiting callers see this report, not the next one
    }
}

asio::awaitable<std::optional<ReloadReport>> Reloader::reload(ReloadRequest request) {
    std::optional<ReloadReport> report;
    const auto began = clock_.now();
    auto loaded = co_await parts_.change.load(request.force);
    // The watch reports only that the files may have changed.
    if (request.kind == ReloadRequest::Kind::if_changed && parts_.next.has_seen(loaded)) {
        co_await parts_.change.renew_files();
        co_return report;
    }
    // Without reload.watch only the known configuration is retried, because the file may be in the middle of an edit.
    const bool is_other = pending() && pending()->hash != loaded.hash;
    if (request.kind == ReloadRequest::Kind::retry && !parts_.next.watches_files() && is_other) {
        retry_.give_up("the file has changed since it was refused, and reload.watch is off: run weir reload");
        co_return report;
    }
    report = co_await parts_.change.run(std::move(loaded), request.trigger, request.force);
    report->took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - began);
    co_return report;
}

void Reloader::finish(ReloadReport report, Force force) {
    history_.add(std::move(report));
    const bool repeated = last().is_for_now() && parts_.next.is_repeated_by_fleet();
    retry_.note(last(), force, repeated ? ReloadRetry::Repeated::yes : ReloadRetry::Repeated::no);
}

} // namespace weir::proxy
