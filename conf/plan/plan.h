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
    std::string effect;              // the effect on traffic, in a few words; may be empty
    Applies applies = Applies::live;

    // Returns the change as one line: "~ backend web/web2: weight 1 → 3 (…)".
    std::string text() const;
};

struct Plan {
    std::vector<Change> changes;
    bool empty() const { return changes.empty(); }
    bool needs_restart() const;
};

// Returns the changes that lead from `runtime` to `wanted`.
Plan plan(const Description& runtime, const Description& wanted);

// Returns the description that results from applying `plan` to `runtime`. In the result, only the order of the routes
// is meaningful.
Description apply(const Plan& plan, Description runtime);

} // namespace weir::conf
