#include "balancer/backend.h"

#include <algorithm>

namespace weir::balancer {

std::vector<RecentError> Backend::recent_errors() const {
    std::vector<RecentError> all;
    recent_errors_.each([&](const RecentErrors& own) { own.read(all); });
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at > b.at; });
    if (all.size() > RecentErrors::kept) all.resize(RecentErrors::kept);
    return all;
}

} // namespace weir::balancer
