// A configuration as a flat list of things with fields, in the file's words: what a plan compares and what the admin
// API shows of the running configuration. Secrets appear as fingerprints only.
//
// Thread: pure function and values.
// Lifetime: the result owns its texts.
#pragma once

#include "conf/config.h"

#include <string>
#include <utility>
#include <vector>

namespace weir::conf {

struct Item {
    std::string kind; // "listener", "route", "pool", "check", "backend", or a section: "timeouts", "process", …
    std::string name; // "web"; of a backend "web/10.0.0.11:8080"; empty for a section
    std::vector<std::pair<std::string, std::string>> fields;
    bool operator==(const Item&) const = default;
};

using Description = std::vector<Item>;

Description describe(const Config& config);

} // namespace weir::conf
