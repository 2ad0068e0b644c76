#include "proxy/snapshot/timeouts.h"

namespace weir::proxy {

conf::Timeouts merge_timeouts(conf::Timeouts base, const conf::TimeoutOverrides& overrides) {
    base.connect = overrides.connect.value_or(base.connect);
    base.response = overrides.response.value_or(base.response);
    base.stream_idle = overrides.stream_idle.value_or(base.stream_idle);
    base.tunnel = overrides.tunnel.value_or(base.tunnel);
    return base;
}

} // namespace weir::proxy
