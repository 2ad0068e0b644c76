// Whether an operator forces a change: to a configuration on the denylist, or away from a lock whose servers are gone.
//
// Thread: any.
// Lifetime: values.
#pragma once

namespace weir::proxy {

enum class Force { no, yes };

} // namespace weir::proxy
