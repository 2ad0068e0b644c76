#include "proxy/reload/canary_window.h"
#include "base/use_nothrow_awaitable.h"


#include <algorithm>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto sample_interval = std::chrono::milliseconds(50);

} // namespace

HealthSample take_sample(const Runtime& runtime) {
    using Counters = balancer::BackendCounters;
    HealthSample sample;
    for (const auto& pool : runtime.snapshot()->pools) {
        auto& seen = sample[pool->config.name];
        for (const auto& member : pool->members) {
            seen.counts.push_back({reinterpret_cast<std::uintptr_t>(member.backend.get()),
                                   member.backend->total(&Counters::requests),
                                   member.backend->total(&Counters::errors)});
            if (member.state != conf::AdminState::ready) continue;
            ++seen.members;
            seen.sick += member.backend->is_sick();
        }
    }
    return sample;
}

ListenerTries count_listeners(const Runtime& runtime) {
    ListenerTries all;
    for (const auto& listener : runtime.snapshot()->listeners) {
        auto& seen = all[listener->config.name];
        for (const auto& worker : listener->stats->workers) {
            seen.tries += worker.outcomes.read();
            seen.errors += worker.refused.read();
        }
    }
    return all;
}

void ErrorRateBaseline::add(HealthSample sample, ListenerTries listeners) {
    if (last_) {
        steps_.push_back(tries_between(*last_, sample));
        listener_steps_.push_back(listeners_between(last_listeners_, listeners));
    }
    if (steps_.size() > length) steps_.pop_front();
    if (listener_steps_.size() > length) listener_steps_.pop_front();
    last_ = std::move(sample);
    last_listeners_ = std::move(listeners);
}

ErrorRates ErrorRateBaseline::rates_of(const std::deque<PoolTries>& steps) {
    PoolTries all;
    for (const auto& tries : steps)
        for (const auto& [name, pool] : tries) all[name].tries += pool.tries, all[name].errors += pool.errors;
    return error_rates(all);
}

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

asio::awaitable<std::optional<std::string>> CanaryWindow::watch(conf::Rollback rules,
                                                                std::function<bool()> interrupted) {
    end_ = std::chrono::steady_clock::now() + rules.window;
    std::optional<std::string> worse;
    while (!worse && !interrupted() && std::chrono::steady_clock::now() < *end_) {
        timer_.expires_at(std::min(*end_, std::chrono::steady_clock::now() + sample_interval));
        co_await timer_.async_wait(use_nothrow_awaitable);
        worse = find_regression(rules, before_, take_sample(runtime_));
        if (!worse) worse = find_refusals(rules, before_, count_listeners(runtime_));
    }
    end_.reset();
    co_return worse;
}

std::optional<std::chrono::milliseconds> CanaryWindow::left() const {
    if (!end_) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - std::chrono::steady_clock::now());
}

} // namespace weir::proxy
