#include "proxy/reloader.h"

#include "proxy/log/logger.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto never = asio::steady_timer::time_point::max();
constexpr std::chrono::milliseconds first_pause{2000}, longest_pause{60'000};

void write_to_log(const ReloadReport& report) {
    const auto hash = report.hash.substr(0, 12);
    switch (report.verdict) {
    case ReloadVerdict::applied:
        spdlog::info("reload applied: {} changes, hash {}, fence {}, {} ms", report.plan.changes.size(), hash,
                     report.fence, report.took.count());
        for (const auto& change : report.plan.changes) spdlog::info("  {}", change.text());
        break;
    case ReloadVerdict::unchanged:
        spdlog::info("reload: the file means what is in force already (hash {})", hash);
        break;
    case ReloadVerdict::refused: spdlog::error("reload refused, the running configuration stays"); break;
    case ReloadVerdict::rolled_back:
        spdlog::error("reload rolled back, the configuration before it is in force again (hash {} is known to be bad)",
                      hash);
        break;
    case ReloadVerdict::stuck:
        spdlog::critical("reload: it makes things worse and cannot be rolled back (hash {})", hash);
        break;
    }
    for (const auto& error : report.errors) spdlog::error("  {}", error);
}

} // namespace

Reloader::Reloader(asio::io_context& control, Changer& changer)
    : changer_(changer), wanted_(control, never), finished_(control, never), again_(control), pause_(first_pause) {
    asio::co_spawn(control, work(), log::tell_failure);
    changer_.on_given([this] {
        if (!running_now_ && asked_ == answered_) request("fleet");
    });
}

asio::awaitable<std::vector<std::string>> Reloader::start(conf::Loaded loaded) {
    const auto hash = loaded.hash;
    auto errors = co_await changer_.start(std::move(loaded));
    loaded_at_ = std::chrono::system_clock::now();
    last_ = {ReloadVerdict::applied, errors, {}, "start", hash};
    co_return errors;
}

void Reloader::request(std::string trigger, Insist insist) {
    only_if_changed_ = false;
    if (insist == Insist::yes) insist_ = insist;
    request_if_changed(std::move(trigger));
}

void Reloader::request_if_changed(std::string trigger) {
    if (trigger_ != "command") trigger_ = std::move(trigger); // somebody waits for that one
    ++asked_;
    wanted_.cancel();
}

asio::awaitable<ReloadReport> Reloader::request_and_wait(std::string trigger, Insist insist) {
    request(std::move(trigger), insist);
    const auto mine = asked_;
    while (answered_ < mine) co_await finished_.async_wait(token);
    co_return last_;
}

asio::awaitable<void> Reloader::work() {
    for (;;) {
        if (asked_ == answered_ || held_) {
            co_await wanted_.async_wait(token);
            continue;
        }
        const auto answers = asked_;
        running_now_ = true;
        std::string failed;
        try {
            co_await answer();
        } catch (const std::exception& e) { // no memory, no thread
            failed = e.what();
        }
        if (!failed.empty()) {
            ReloadReport report;
            report.refuse("internal error: " + failed);
            finish(report);
        }
        running_now_ = false;
        answered_ = answers;
        finished_.cancel();
    }
}

asio::awaitable<void> Reloader::answer() {
    const bool quietly = std::exchange(only_if_changed_, true);
    const auto insist = std::exchange(insist_, Insist::no);
    auto trigger = std::exchange(trigger_, "");
    const auto began = std::chrono::steady_clock::now();
    auto loaded = co_await changer_.load();
    // A watch only tells that something may have happened.
    if (quietly && loaded.hash == changer_.seen_hash()) co_return;
    auto report = co_await changer_.change(std::move(loaded), std::move(trigger), insist);
    report.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    finish(report);
    try_again_later(report);
}

void Reloader::try_again_later(const ReloadReport& report) {
    again_.cancel();
    const bool later = report.trigger == "watch" && report.verdict == ReloadVerdict::refused && report.for_now &&
                       !report.hash.empty() && !closed_;
    if (!later) {
        pause_ = first_pause;
        return;
    }
    spdlog::info("reload: tried again in {} s", pause_.count() / 1000);
    again_.expires_after(pause_);
    pause_ = std::min(2 * pause_, longest_pause);
    again_.async_wait([this](boost::system::error_code error) {
        if (!error && !closed_) request("watch"); // though the file is as it was
    });
}

void Reloader::finish(const ReloadReport& report) {
    auto& count = report.verdict == ReloadVerdict::applied       ? counts_.applied
                  : report.verdict == ReloadVerdict::unchanged   ? counts_.unchanged
                  : report.verdict == ReloadVerdict::rolled_back ? counts_.rolled_back
                  : report.verdict == ReloadVerdict::stuck       ? counts_.stuck
                                                                 : counts_.refused;
    ++count;
    counts_.lock_failures += report.lock_failed;
    if (report.verdict == ReloadVerdict::applied || report.verdict == ReloadVerdict::stuck) {
        loaded_at_ = std::chrono::system_clock::now();
        if (report.fence) fence_ = report.fence; // one applied without the lock leaves the last fence standing
    }
    write_to_log(report);
    last_ = report;
}

} // namespace weir::proxy
