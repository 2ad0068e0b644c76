#include "proxy/http2/ping_rule.h"

#include <algorithm>

namespace weir::proxy::http2 {

// Returns when the next PING may be sent.
TimePoint PingRule::due() const {
    const auto silent = std::max(heard_, busy_since_) + silence;
    return has_asked_ ? std::max(silent, asked_ + between) : silent;
}

TimePoint PingRule::next() const { return is_asked_ ? asked_ + patience : due(); }

PingAction PingRule::act(TimePoint now) {
    if (now < next()) return PingAction::none;
    if (is_asked_) return PingAction::give_up;
    asked_ = now;
    is_asked_ = has_asked_ = true;
    return PingAction::send;
}

} // namespace weir::proxy::http2
