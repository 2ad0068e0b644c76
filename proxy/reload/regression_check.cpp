#include "proxy/reload/regression_check.h"

#include <algorithm>

namespace weir::proxy {
namespace {

std::uint64_t percent(double share) { return static_cast<std::uint64_t>(share * 100); }

template <class Map> typename Map::mapped_type value_of(const Map& map, const std::string& key) {
    const auto it = map.find(key);
    return it == map.end() ? typename Map::mapped_type{} : it->second;
}

std::optional<std::string> fewer_healthy(const conf::Rollback& rules, const std::string& name, const PoolSample& before,
                                         const PoolSample& now) {
    const auto share = now.healthy_percent();
    if (share >= rules.if_healthy_below.value || share >= before.healthy_percent()) return std::nullopt;
    return "pool " + name + ": " + std::to_string(now.members - now.sick) + " of " + std::to_string(now.members) +
           " backends are healthy, " + std::to_string(before.healthy_percent()) +
           "% were before (rollback.if_healthy_below: " + conf::format(rules.if_healthy_below) + ")";
}

// Returns the earlier count of this backend, which is usually at the same index.
BackendCount find_count(const std::vector<BackendCount>& counts, std::size_t hint, std::uintptr_t backend) {
    if (hint < counts.size() && counts[hint].backend == backend) return counts[hint];
    const auto it =
        std::find_if(counts.begin(), counts.end(), [&](const BackendCount& c) { return c.backend == backend; });
    return it == counts.end() ? BackendCount{} : *it;
}

} // namespace

PoolTries tries_between(const HealthSample& from, const HealthSample& to) {
    PoolTries all;
    for (const auto& [name, pool] : to) {
        const auto known = from.find(name);
        auto& sum = all[name];
        for (std::size_t i = 0; i < pool.counts.size(); ++i) {
            const auto& now = pool.counts[i];
            auto old = known == from.end() ? BackendCount{} : find_count(known->second.counts, i, now.backend);
            if (now.tries < old.tries || now.errors < old.errors) old = {}; // another backend has reused the address
            sum.tries += now.tries - old.tries;
            sum.errors += now.errors - old.errors;
        }
    }
    return all;
}

ErrorRates error_rates(const PoolTries& tries) {
    ErrorRates rates;
    for (const auto& [name, pool] : tries)
        if (pool.tries >= least_tries)
            rates[name] = std::min(1.0, static_cast<double>(pool.errors) / static_cast<double>(pool.tries));
    return rates;
}

ListenerTries listeners_between(const ListenerTries& from, const ListenerTries& to) {
    ListenerTries all;
    for (const auto& [name, now] : to) {
        auto old = value_of(from, name);
        if (now.tries < old.tries || now.errors < old.errors) old = {};
        all[name] = {now.tries - old.tries, now.errors - old.errors};
    }
    return all;
}

std::optional<std::string> find_refusals(const conf::Rollback& rules, const Baseline& before,
                                         const ListenerTries& now) {
    for (const auto& [name, rate] : error_rates(listeners_between(before.listeners, now))) {
        const auto usual = value_of(before.refusals, name);
        if (rate - usual <= rules.if_error_rate_above.value / 100.0) continue;
        return "listener " + name + ": weir itself refuses " + std::to_string(percent(rate)) + "% of its requests, " +
               std::to_string(percent(usual)) +
               "% before (rollback.if_error_rate_above: " + conf::format(rules.if_error_rate_above) + ")";
    }
    return std::nullopt;
}

std::optional<std::string> find_regression(const conf::Rollback& rules, const Baseline& before,
                                           const HealthSample& now) {
    const auto rates = error_rates(tries_between(before.counters, now));
    for (const auto& [name, pool] : now) {
        if (auto worse = fewer_healthy(rules, name, value_of(before.sample, name), pool)) return worse;
        const auto rate = value_of(rates, name), usual = value_of(before.errors, name);
        if (rate - usual <= rules.if_error_rate_above.value / 100.0) continue;
        return "pool " + name + ": " + std::to_string(percent(rate)) + "% of its requests fail, " +
               std::to_string(percent(usual)) +
               "% did before (rollback.if_error_rate_above: " + conf::format(rules.if_error_rate_above) + ")";
    }
    return std::nullopt;
}

} // namespace weir::proxy
