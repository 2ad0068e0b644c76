#include "proxy/reload/reloader.h"

#include "proxy/log/logger.h"
#include "base/use_nothrow_awaitable.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto never = asio::steady_timer::time_point::max();
constexpr auto abort_poll_interval = std::chrono::milliseconds(50);

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

} // namespace

Reloader::Reloader(asio::io_context& control, ConfigChange& changer)
    : control_(control), changer_(changer), wanted_(control, never), finished_(control, never),
      retry_(control, [this] { retry(); }) {
    asio::co_spawn(control, work(), log::log_exception);
    changer_.on_pushed([this] { request_pushed(); });
}

// The fleet agent calls this with every heartbeat reply until the pushed version is settled here.
void Reloader::request_pushed() {
    const bool newer = running_now_ && changer_.window().is_open() && changer_.has_newer_push();
    if (newer ? asked_ == answering_ : !running_now_ && asked_ == answered_) request(ReloadTrigger::fleet);
}

asio::awaitable<std::vector<std::string>> Reloader::start(conf::Loaded loaded) {
    const auto hash = loaded.hash, seen = loaded.seen_hash;
    auto errors = co_await changer_.start(std::move(loaded));
    last_ = {ReloadVerdict::applied, errors, {}, ReloadTrigger::start, hash};
    if (!seen.empty() && seen != hash)
        retry_.note_unread(seen, ReloadTrigger::start,
                           "the file was refused at startup; weir runs the last good configuration");
    co_return errors;
}

void Reloader::request(ReloadTrigger trigger, Force force) { ask(trigger, force, false, false); }

void Reloader::request_if_changed(ReloadTrigger trigger) { ask(trigger, Force::no, true, false); }

void Reloader::retry() {
    if (changer_.files().are_being_written()) retry_.postpone(); // half a file must not be applied
    else ask(pending()->trigger, pending()->force, false, true);
}

void Reloader::ask(ReloadTrigger trigger, Force force, bool only_if_changed, bool only_retry) {
    if (request_.trigger == ReloadTrigger::none || (request_.trigger != ReloadTrigger::command && !only_retry))
        request_.trigger = trigger;
    if (force == Force::yes) request_.force = force;
    request_.only_if_changed = request_.only_if_changed && only_if_changed;
    request_.only_retry = request_.only_retry && only_retry;
    ++asked_;
    wanted_.cancel();
    if (running_now_ && !std::exchange(looking_, true)) asio::co_spawn(control_, look_for_newer(), log::log_exception);
}

asio::awaitable<ReloadReport> Reloader::request_and_wait(ReloadTrigger trigger, Force force) {
    request(trigger, force);
    const auto mine = asked_;
    while (answered_ < mine) co_await finished_.async_wait(use_nothrow_awaitable);
    co_return last_;
}

asio::awaitable<std::optional<ReloadReport>> Reloader::abort() {
    if (!running_now_ || !changer_.abort()) co_return std::nullopt;
    const auto mine = answering_;
    while (answered_ < mine) co_await finished_.async_wait(use_nothrow_awaitable);
    co_return last_;
}

void Reloader::note_files() { asio::co_spawn(control_, look_at_files(), log::log_exception); }

asio::awaitable<void> Reloader::look_at_files() {
    const auto loaded = co_await changer_.peek();
    if (running_now_ || closed_ || loaded.hash.empty()) co_return;
    if (loaded.ok() && loaded.hash == changer_.hash_in_force()) retry_.clear();
    else if (!pending() || pending()->hash != loaded.hash)
        retry_.note_unread(loaded.hash, ReloadTrigger::watch,
                           "the file has changed, and reload.watch is off: run weir reload");
}

asio::awaitable<Result<void>> Reloader::settle_files() {
    while (running_now_) co_await finished_.async_wait(use_nothrow_awaitable);
    const auto loaded = co_await changer_.peek();
    if (loaded.ok() && loaded.hash == changer_.hash_in_force()) co_return Result<void>();
    if (changer_.takes_from_fleet() && loaded.hash.empty()) co_return Result<void>(); // the new process decides
    const auto refusal = [hash = loaded.hash.substr(0, 12)](const std::string& reason) {
        return Error("the configuration on disk (hash " + hash + ") is not in force: " + reason);
    };
    const auto& known = pending();
    if (known && known->attempts > 0 && known->hash == loaded.hash && changer_.has_seen(loaded))
        co_return refusal(known->reason);
    const auto report = co_await request_and_wait(ReloadTrigger::upgrade);
    if (report.is_success()) co_return Result<void>();
    co_return refusal(report.errors.empty() ? "it was refused" : report.errors[0]);
}

asio::awaitable<void> Reloader::look_for_newer() {
    asio::steady_timer pause(control_);
    auto looked = answering_;
    while (running_now_ && !closed_ && asked_ != answering_) {
        if (looked != asked_ && changer_.window().is_open()) {
            looked = asked_;
            co_await changer_.end_window_if_newer(request_.force);
        }
        pause.expires_after(abort_poll_interval);
        co_await pause.async_wait(use_nothrow_awaitable);
    }
    looking_ = false;
}

asio::awaitable<void> Reloader::work() {
    for (;;) {
        if (asked_ == answered_ || held_) {
            co_await wanted_.async_wait(use_nothrow_awaitable);
            continue;
        }
        answering_ = asked_;
        running_now_ = true;
        std::string failed;
        try {
            co_await answer();
        } catch (const std::exception& e) { // out of memory or threads
            failed = e.what();
        }
        if (!failed.empty()) {
            ReloadReport report;
            report.trigger = ReloadTrigger::retry;
            report.refuse_here("internal error: " + failed);
            finish(report, Force::no);
        }
        running_now_ = false;
        answered_ = answering_;
        finished_.cancel();
    }
}

asio::awaitable<void> Reloader::answer() {
    auto request = std::exchange(request_, {});
    const auto began = std::chrono::steady_clock::now();
    auto loaded = co_await changer_.load(request.force);
    // The watch reports only that the files may have changed.
    if (request.only_if_changed && changer_.has_seen(loaded)) co_return;
    // Without reload.watch only the known configuration is retried, because the file may be in the middle of an edit.
    if (request.only_retry && !changer_.watches_files() && pending() && pending()->hash != loaded.hash)
        co_return retry_.give_up("the file has changed since it was refused, and reload.watch is off: run weir reload");
    auto report = co_await changer_.change(std::move(loaded), request.trigger, request.force);
    report.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    finish(report, request.force);
}

void Reloader::finish(const ReloadReport& report, Force force) {
    auto& count = report.verdict == ReloadVerdict::applied           ? counts_.applied
                  : report.verdict == ReloadVerdict::unchanged       ? counts_.unchanged
                  : report.verdict == ReloadVerdict::rolled_back     ? counts_.rolled_back
                  : report.verdict == ReloadVerdict::rollback_failed ? counts_.rollback_failed
                                                                     : counts_.refused;
    ++count;
    counts_.lock_failures += report.lock_failed;
    write_to_log(report);
    last_ = report;
    const bool repeated = report.is_for_now() && changer_.is_repeated_by_fleet();
    retry_.note(report, force, repeated ? ReloadRetry::Repeated::yes : ReloadRetry::Repeated::no);
}

} // namespace weir::proxy
