// The rules that reach over several keys: names that must exist, addresses that must differ, values that must agree.
//
// Thread: pure function.
// Lifetime: nothing is kept.
#pragma once

#include "conf/binder.h"

namespace weir::conf {

// Fills in names left out, then reports what does not fit together.
void validate(Config& config, BindContext& context);

} // namespace weir::conf
