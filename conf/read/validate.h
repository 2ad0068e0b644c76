// Checks the rules that concern several keys: names that must exist, addresses that must differ, values that must
// agree.
//
// Thread: pure function.
// Lifetime: keeps nothing.
#pragma once

#include "conf/read/binder.h"

namespace weir::conf {

// Fills in defaults that depend on other values, such as names, and reports inconsistencies.
void validate(Config& config, BindContext& context);

} // namespace weir::conf
