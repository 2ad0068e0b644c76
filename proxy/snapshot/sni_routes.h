// The pools of a listener that passes TLS through, by the name that the client requests.
//
// Thread: immutable once built.
// Lifetime: owns what it holds.
#pragma once

#include "proxy/snapshot/traffic_stats.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace weir::proxy {

struct SniRoute {
    std::size_t pool; // index into Snapshot::pools
    std::shared_ptr<TrafficStats> traffic;
};

class SniRoutes {
public:
    // `name` is in lower case; "*.example.com" stands for every name below example.com.
    void add(const std::string& name, SniRoute route) { routes_.emplace(name, std::move(route)); }

    // Returns the route of a name in lower case: the exact name first, then the longest wildcard; null if there is
    // none.
    const SniRoute* find(std::string_view name) const {
        if (const auto exact = routes_.find(name); exact != routes_.end()) return &exact->second;
        for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
            if (dot == 0) continue; // a wildcard stands for at least one label
            const auto found = routes_.find("*" + std::string(name.substr(dot)));
            if (found != routes_.end()) return &found->second;
        }
        return nullptr;
    }

    bool empty() const { return routes_.empty(); }
    auto begin() const { return routes_.begin(); }
    auto end() const { return routes_.end(); }

private:
    std::map<std::string, SniRoute, std::less<>> routes_;
};

} // namespace weir::proxy
