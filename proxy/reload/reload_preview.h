// What a reload would do, as far as that is known without changing anything.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include "proxy/reload/reload_report.h"
#include "proxy/snapshot/override_fates.h"

#include <string>
#include <vector>

namespace weir::proxy {

struct ReloadPreview {
    ReloadReport report;                 // `applied` if no obstacle is known
    bool is_denylisted = false;          // it would be refused without --force
    std::vector<OverrideFate> overrides; // what the reload does to operators' overrides
    std::vector<std::string> notes;      // what else an operator should know, in sentences
};

} // namespace weir::proxy
