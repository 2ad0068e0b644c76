// What a reload would change, and what that means for traffic.
//
// Thread: pure functions and values.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/describe.h"

#include <string>
#include <vector>

namespace weir::conf {

enum class ChangeType { added, removed, changed };
enum class Applies { live, needs_restart };

struct FieldChange {
    std::string key, before, after; // empty where the field was not there
};

struct Change {
    ChangeType type;
    std::string kind, name;
    std::vector<FieldChange> fields; // of a changed thing
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

} // namespace weir::conf
