// Flattens a configuration into a list of items, whose fields are named as in the file. Plans compare these lists, and
// the admin API shows them. Secrets appear only as fingerprints.
//
// Thread: pure function and values.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/model/config.h"

#include <string>
#include <utility>
#include <vector>

namespace weir::conf {

struct Item {
    std::string kind; // "listener", "route", "pool", "check", "backend", or a section: "timeouts", "process", …
    std::string name; // "web"; for a backend "web/10.0.0.11:8080"; empty for a section
    std::vector<std::pair<std::string, std::string>> fields;
    bool operator==(const Item&) const = default;
};

using Description = std::vector<Item>;

// Returns the items of a configuration, with secrets replaced by fingerprints.
Description describe(const Config& config);

} // namespace weir::conf
