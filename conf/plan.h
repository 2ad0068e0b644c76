// What a reload would change, and what that means for traffic.
//
// Thread: pure functions and values.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/describe.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::conf {

enum class ChangeType { added, removed, changed };
enum class Applies { live, needs_restart };

struct FieldChange {
    std::string key;
    std::optional<std::string> before, after; // unset where the field is not there
};

struct Change {
    ChangeType type;
    std::string kind, name;
    std::vector<FieldChange> fields; // all of them for what is added or removed
    std::string effect;              // what it means, in a few words
    Applies applies = Applies::live;

    // "~ backend web/web2: weight 1 → 3 (…)"
    std::string text() const;
};

struct Plan {
    std::vector<Change> changes;
    bool empty() const { return changes.empty(); }
    bool needs_restart() const;
};

Plan plan(const Description& running, const Description& wanted);

// What `running` becomes: a plan leaves nothing out. Routes stand in their order, other things in any.
Description apply(const Plan& plan, Description running);

} // namespace weir::conf
