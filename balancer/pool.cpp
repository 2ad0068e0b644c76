#include "balancer/pool.h"

#include <algorithm>
#include <unordered_map>

namespace weir::balancer {
namespace {

constexpr auto avoidance = std::chrono::seconds(1);
constexpr int out = 9; // the rank of a member that may not be asked at all

} // namespace

Pool::Pool(conf::Algorithm algorithm, std::vector<Member> members)
    : which_(algorithm), members_(std::move(members)), algorithm_(make_algorithm(algorithm, members_.size())),
      candidates_(members_.size()), ranks_(members_.size()) {
    for (std::size_t i = 0; i < members_.size(); ++i) candidates_[i].weight = members_[i].weight;
}

int Pool::rank(std::size_t member, TimePoint now) const {
    const auto& m = members_[member];
    if (m.state != conf::AdminState::ready) return out;
    switch (m.backend->verdict()) {
    case Verdict::up: return m.avoided_until <= now ? 0 : 1;
    case Verdict::unknown: return m.avoided_until <= now ? 2 : 3;
    case Verdict::down: break;
    }
    return out;
}

std::optional<std::size_t> Pool::choose(std::span<const std::size_t> tried, TimePoint now) {
    int best = out;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const bool used = std::find(tried.begin(), tried.end(), i) != tried.end();
        ranks_[i] = used ? out : rank(i, now);
        best = std::min(best, ranks_[i]);
    }
    if (best == out) return std::nullopt;
    for (std::size_t i = 0; i < members_.size(); ++i) candidates_[i].eligible = ranks_[i] == best;
    return algorithm_->choose(candidates_);
}

void Pool::note_connect_failure(std::size_t member, TimePoint now) { members_[member].avoided_until = now + avoidance; }

void Pool::adopt(const Pool& old) {
    std::unordered_map<const Backend*, std::ptrdiff_t> index;
    for (std::size_t i = 0; i < old.members_.size(); ++i)
        index[old.members_[i].backend.get()] = static_cast<std::ptrdiff_t>(i);
    std::vector<std::ptrdiff_t> origin(members_.size(), -1);
    for (std::size_t i = 0; i < members_.size(); ++i)
        if (const auto it = index.find(members_[i].backend.get()); it != index.end()) {
            origin[i] = it->second;
            members_[i].avoided_until = old.members_[static_cast<std::size_t>(it->second)].avoided_until;
        }
    if (which_ == old.which_) algorithm_->adopt(*old.algorithm_, origin);
}

} // namespace weir::balancer
