#include "health/rules/outlier.h"

#include <algorithm>

namespace weir::health {

conf::Duration OutlierHistory::eject(TimePoint now, conf::Duration base_time) {
    if (count_ > 0 && base_time.count() > 0) {
        const auto expired = std::max<std::int64_t>((now - back_since_) / base_time, 0);
        count_ -= static_cast<std::uint32_t>(std::min<std::int64_t>(expired, count_));
    }
    count_ = std::min(count_ + 1, longest);
    return base_time * count_;
}

} // namespace weir::health
