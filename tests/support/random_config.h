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
    const auto dice = [&](unsigned sides) { return static_cast<std::uint32_t>(random() % sides); };
    const auto address = [](std::uint32_t port) { return *conf::Address::parse("127.0.0.1:" + std::to_string(port)); };
    conf::Config config;
    for (std::uint32_t p = 0; p < 3; ++p) {
        if (p > 0 && dice(4) == 0) continue;
        conf::Pool pool;
        pool.name = "p" + std::to_string(p);
        pool.algorithm = dice(3) ? conf::Algorithm::round_robin : conf::Algorithm::hash;
        if (dice(3) == 0) pool.sticky = conf::Sticky{"c", std::chrono::seconds(dice(2))};
        if (dice(3) == 0) pool.timeouts.connect = std::chrono::seconds(1 + dice(2));
        if (dice(2)) pool.health_check.emplace().fall = 2 + dice(2);
        for (std::uint32_t b = 0; b < 5; ++b) {
            if (dice(3) == 0) continue;
            conf::Backend backend;
            backend.address = address(9000 + b * 10 + (dice(8) == 0));
            backend.name = dice(6) ? "b" + std::to_string(b) : backend.address.text();
            backend.weight = 1 + dice(2);
            backend.state = static_cast<conf::AdminState>(dice(3));
            pool.backends.push_back(std::move(backend));
        }
        std::shuffle(pool.backends.begin(), pool.backends.end(), random);
        config.pools.push_back(std::move(pool));
    }
    for (std::uint32_t l = 0; l < 2; ++l)
        if (dice(3)) {
            conf::Listener listener;
            listener.name = "l" + std::to_string(l);
            listener.address = address(8000 + dice(3));
            listener.pool = config.pools[dice(static_cast<unsigned>(config.pools.size()))].name;
            config.listeners.push_back(std::move(listener));
        }
    for (std::uint32_t r = 0; r < 4; ++r)
        if (dice(2)) {
            conf::Route route;
            route.name = "r" + std::to_string(r);
            route.pool = "p0";
            if (dice(2)) route.match.path_prefix = "/" + std::to_string(dice(2));
            if (dice(3) == 0) route.request_headers.set.emplace_back("X-A", std::to_string(dice(2)));
            config.routes.push_back(std::move(route));
        }
    std::shuffle(config.routes.begin(), config.routes.end(), random);
    config.limits.header_count = 100 + dice(2);
    return config;
}

} // namespace weir::tests
