// Computes what a reload would change and how that affects traffic.
//
// Thread: pure functions and values.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/plan/describe.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::conf {

enum class ChangeType { added, removed, changed };
enum class Applies { live, needs_restart };

struct FieldChange {
    std::string key;
    std::optional<std::string> before, after; // unset if the field is absent
};

struct Change {
    ChangeType type;
    std::string kind, name;
    std::vector<FieldChange> fields; // all fields if the item is added or removed
    std::string effect;              // its effect, in a few words
    Applies applies = Applies::live;

    // "~ backend web/web2: weight 1 → 3 (…)"
    std::string text() const;
};

struct Plan {
    std::vector<Change> changes;
    bool empty() const { return changes.empty(); }
    bool needs_restart() const;
};

// Returns the changes that lead from `runtime` to `wanted`.
Plan plan(const Description& runtime, const Description& wanted);

// Returns the description that results from applying `plan` to `runtime`. Only the order of routes matters.
Description apply(const Plan& plan, Description runtime);

} // namespace weir::conf
