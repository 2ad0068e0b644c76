// What a configuration change means for runtime overrides that operators have set.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "proxy/snapshot/runtime_overrides.h"

#include <set>
#include <string>
#include <vector>

namespace weir::proxy {

// What becomes of an override. An override belongs to one backend: to its pool, its name and its address together.
struct OverrideFate {
    enum class Kind {
        stays, // the configuration has this backend
        moves, // the backend or its pool was renamed and nothing else changed
        ends,  // the backend was removed, or another backend has its name
    };
    Kind kind = Kind::ends;
    std::string pool, backend;
    std::string to_pool, to; // where the override moves to
    Override setting;

    // "override web/b2 (drain) moves to web/b3: the backend is renamed"
    std::string text() const;
};

using PoolNames = std::set<std::string>;
PoolNames pool_names(const conf::Config& config);

// Returns the fate of each override. `pools` are the pools of the configuration that `next` replaces: only a pool that
// is not among them can be a renamed one.
std::vector<OverrideFate> override_fates(const Overrides& operator_overrides, const PoolNames& pools,
                                         const conf::Config& next);

// Returns true if the configuration has the backend that the override was made for.
bool is_override_in_force(const conf::Config& config, const std::string& pool, const std::string& backend,
                          const Override& setting);

// Moves overrides to backends and pools that are renamed in `next`. Overrides of backends that are not in `next` stay
// without effect, since a rollback may bring these backends back.
void follow_renames(Overrides& operator_overrides, const PoolNames& pools, const conf::Config& next);

// Drops the overrides that have no effect, and returns them.
std::vector<OverrideFate> drop_ended(Overrides& operator_overrides, const conf::Config& config);

} // namespace weir::proxy
