// Rules that concern several keys: names that must exist, addresses that must differ, values that must agree.
//
// Thread: pure function.
// Lifetime: keeps nothing.
#pragma once

#include "conf/read/binder.h"

namespace weir::conf {

// Fills in missing names and reports inconsistencies.
void validate(Config& config, BindContext& context);

} // namespace weir::conf
