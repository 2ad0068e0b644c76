// The names of a fleet's keys in Redis.
//
// Thread: any.
// Lifetime: values.
#pragma once

#include <string>

namespace weir::lock {

class FleetKeys {
public:
    // The braces keep all keys of a fleet in one hash slot of a Redis Cluster.
    explicit FleetKeys(const std::string& fleet) : prefix_("weir:{" + fleet + "}:") {}

    std::string operator()(const char* name) const { return prefix_ + name; }

private:
    std::string prefix_;
};

} // namespace weir::lock
