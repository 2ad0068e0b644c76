#include "proxy/watch_window.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto glance = std::chrono::milliseconds(50);

} // namespace

Picture take_picture(const Running& running) {
    using Counters = balancer::BackendCounters;
    Picture picture;
    for (const auto& pool : running.snapshot()->pools) {
        auto& seen = picture[pool->config.name];
        for (const auto& member : pool->members) {
            seen.counts.push_back({reinterpret_cast<std::uintptr_t>(member.backend.get()),
                                   member.backend->total(&Counters::requests),
                                   member.backend->total(&Counters::errors)});
            if (member.state != conf::AdminState::ready) continue;
            ++seen.members;
            seen.sick += member.backend->is_sick();
        }
    }
    return picture;
}

void TrafficHistory::add(Picture picture) {
    if (last_) steps_.push_back(tries_between(*last_, picture));
    if (steps_.size() > length) steps_.pop_front();
    last_ = std::move(picture);
}

ErrorRates TrafficHistory::rates() const {
    PoolTries all;
    for (const auto& tries : steps_)
        for (const auto& [name, pool] : tries) all[name].tries += pool.tries, all[name].errors += pool.errors;
    return error_rates(all);
}

void WatchWindow::begin(ErrorRates lately) {
    before_ = {take_picture(running_), {}, std::move(lately)};
    before_.errors.merge(
        error_rates(tries_between({}, before_.picture))); // where nothing is known of late: since it began
}

asio::awaitable<std::optional<std::string>> WatchWindow::watch(conf::Rollback rules,
                                                               std::function<bool()> interrupted) {
    end_ = std::chrono::steady_clock::now() + rules.window;
    std::optional<std::string> worse;
    while (!worse && !interrupted() && std::chrono::steady_clock::now() < *end_) {
        timer_.expires_at(std::min(*end_, std::chrono::steady_clock::now() + glance));
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        worse = find_worse(rules, before_, take_picture(running_));
    }
    end_.reset();
    co_return worse;
}

std::optional<std::chrono::milliseconds> WatchWindow::left() const {
    if (!end_) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - std::chrono::steady_clock::now());
}

} // namespace weir::proxy
