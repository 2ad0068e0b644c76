// How a client came to a backend: from which listener, by which route, to which pool. A reload may take a way away and
// leave the pool where it is.
//
// Thread: values.
// Lifetime: own their texts.
#pragma once

#include <compare>
#include <string>

namespace weir::proxy {

struct Way {
    std::string listener, route, pool; // the route is empty where the listener's own pool serves
    auto operator<=>(const Way&) const = default;
};

} // namespace weir::proxy
