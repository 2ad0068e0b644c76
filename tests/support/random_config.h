// Generates random configurations that are small enough for two of them to have much in common.
//
// Thread: a pure function; randomness is an argument.
// Lifetime: the result owns what it holds.
#pragma once

#include "conf/model/config.h"

#include <algorithm>
#include <random>
#include <string>

namespace weir::tests {

inline conf::Config random_config(std::mt19937& random) {
    const auto roll = [&](unsigned sides) { return static_cast<std::uint32_t>(random() % sides); };
    const auto address = [](std::uint32_t port) { return *conf::Address::parse("127.0.0.1:" + std::to_string(port)); };
    conf::Config config;
    for (std::uint32_t p = 0; p < 3; ++p) {
        if (p > 0 && roll(4) == 0) continue;
        conf::Pool pool;
        pool.name = "p" + std::to_string(p);
        pool.algorithm = roll(3) ? conf::Algorithm::round_robin : conf::Algorithm::hash;
        if (roll(3) == 0) pool.sticky = conf::Sticky{"c", std::chrono::seconds(roll(2))};
        if (roll(3) == 0) pool.timeouts.connect = std::chrono::seconds(1 + roll(2));
        if (roll(2)) pool.health_check.emplace().fall = 2 + roll(2);
        for (std::uint32_t b = 0; b < 5; ++b) {
            if (roll(3) == 0) continue;
            conf::Backend backend;
            backend.address = address(9000 + b * 10 + (roll(8) == 0));
            backend.name = roll(6) ? "b" + std::to_string(b) : backend.address.text();
            backend.weight = 1 + roll(2);
            backend.state = static_cast<conf::AdminState>(roll(3));
            pool.backends.push_back(std::move(backend));
        }
        std::shuffle(pool.backends.begin(), pool.backends.end(), random);
        config.pools.push_back(std::move(pool));
    }
    for (std::uint32_t l = 0; l < 2; ++l)
        if (roll(3)) {
            conf::Listener listener;
            listener.name = "l" + std::to_string(l);
            listener.address = address(8000 + roll(3));
            listener.pool = config.pools[roll(static_cast<unsigned>(config.pools.size()))].name;
            config.listeners.push_back(std::move(listener));
        }
    for (std::uint32_t r = 0; r < 4; ++r)
        if (roll(2)) {
            conf::Route route;
            route.name = "r" + std::to_string(r);
            route.pool = "p0";
            if (roll(2)) route.match.path_prefix = "/" + std::to_string(roll(2));
            if (roll(4) == 0) route.compress.emplace().levels.gzip = 1 + roll(2);
            if (roll(3) == 0) route.request_headers.set.emplace_back("X-A", std::to_string(roll(2)));
            config.routes.push_back(std::move(route));
        }
    std::shuffle(config.routes.begin(), config.routes.end(), random);
    config.limits.header_count = 100 + roll(2);
    return config;
}

} // namespace weir::tests
