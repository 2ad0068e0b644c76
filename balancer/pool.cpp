#include "balancer/pool.h"

#include "balancer/slow_start.h"

#include <algorithm>
#include <unordered_map>

namespace weir::balancer {
namespace {

constexpr auto avoidance = std::chrono::seconds(1);
constexpr int ramp_steps = 50;
constexpr auto shortest_step = std::chrono::milliseconds(20);

bool contains(std::span<const std::size_t> members, std::size_t member) {
    return std::find(members.begin(), members.end(), member) != members.end();
}

} // namespace

Pool::Pool(PoolSettings settings, std::vector<Member> members)
    : settings_(std::move(settings)), members_(std::move(members)), algorithm_(settings_.make()),
      random_(settings_.seed), candidates_(members_.size()), ranks_(members_.size()) {
    for (std::size_t i = 0; i < members_.size(); ++i) candidates_[i].weight = members_[i].weight;
}

std::uint64_t Pool::of(std::size_t candidate) const {
    return members_[candidate].backend->total(&BackendCounters::active);
}

Availability Pool::look_at(const Member& member, TimePoint now) const {
    return {member.state, member.backend->verdict(), member.backend->ejection(), member.backup,
            member.backed_off_until > now};
}

bool Pool::is_panic(TimePoint now) const {
    if (settings_.panic_threshold.value == 0) return false;
    std::uint64_t well = 0, all = 0;
    for (const auto& member : members_) {
        const auto availability = look_at(member, now);
        if (availability.state != conf::AdminState::ready) continue;
        if (availability.backup && availability.is_healthy()) return false; // backups take over
        if (availability.backup) continue;
        ++all;
        well += !availability.is_sick();
    }
    return well * 100 < all * settings_.panic_threshold.value;
}

// Computes the candidates for the next choices. Members at their limit count as eligible here, so members of a lower
// rank do not replace them: backups replace failed backends, not busy ones.
void Pool::refresh(std::span<const std::size_t> tried, TimePoint now) {
    seen_.reset();
    if (tried.empty() && !members_.empty()) seen_ = members_[0].backend->pool_state().version();
    look_again_ = TimePoint::max();
    best_ = out;
    const bool panic = is_panic(now);
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto availability = look_at(members_[i], now);
        ranks_[i] = contains(tried, i) ? out : panic ? rank_in_panic(availability) : rank_of(availability);
        best_ = std::min(best_, ranks_[i]);
        if (availability.avoided) look_again_ = std::min(look_again_, members_[i].backed_off_until);
        candidates_[i].slow_start_factor = ramp_of(members_[i], now);
    }
    room_ = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        candidates_[i].eligible = best_ != out && ranks_[i] == best_;
        room_ = room_ || candidates_[i].eligible;
    }
    if (room_) algorithm_->refresh(candidates_);
}

std::uint32_t Pool::ramp_of(const Member& member, TimePoint now) {
    const auto began = member.backend->ramp_start();
    const auto slow_start_factor = began == TimePoint() ? 100 : ramp_at(now - began, settings_.slow_start);
    if (slow_start_factor < 100)
        look_again_ =
            std::min(look_again_, now + std::max<conf::Duration>(settings_.slow_start / ramp_steps, shortest_step));
    return slow_start_factor;
}

bool Pool::holds(const SelectionRequest& ask) const {
    return seen_ && ask.tried.empty() && ask.now < look_again_ && *seen_ == members_[0].backend->pool_state().version();
}

std::optional<ConnectionSlot> Pool::seat_at(std::size_t member) {
    auto& backend = *members_[member].backend;
    const auto limit = members_[member].max_connections;
    if (limit == 0) return ConnectionSlot(backend, settings_.worker, Limited::no);
    if (!backend.take_slot(limit)) return std::nullopt;
    return ConnectionSlot(backend, settings_.worker, Limited::yes);
}

Choice Pool::choose(const SelectionRequest& ask) {
    if (ask.preferred && !contains(ask.tried, *ask.preferred) && is_home(*ask.preferred, ask.now) &&
        members_[*ask.preferred].backed_off_until <= ask.now)
        if (auto seat = seat_at(*ask.preferred)) return {Choice::Outcome::chosen, *ask.preferred, std::move(*seat)};
    bool found_full = false;
    if (!holds(ask)) refresh(ask.tried, ask.now);
    while (room_) {
        const auto member = algorithm_->choose(candidates_, {ask.key ? *ask.key : random_.next(), random_, *this});
        if (auto seat = seat_at(member)) return {Choice::Outcome::chosen, member, std::move(*seat)};
        found_full = true;
        exclude_full(member);
    }
    return {found_full ? Choice::Outcome::full : Choice::Outcome::none};
}

// If one backend is at its limit, others usually are too. One pass excludes all of them, so that a choice costs a few
// passes over the members however many are full. Another pass is needed only if another worker takes the last slot of
// the chosen backend in between.
void Pool::exclude_full(std::size_t chosen) {
    seen_.reset(); // the candidates are not valid for the next choice
    room_ = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        auto& candidate = candidates_[i];
        const auto limit = members_[i].max_connections;
        if (i == chosen || (limit != 0 && !members_[i].backend->has_free_seat(limit))) candidate.eligible = false;
        room_ = room_ || candidate.eligible;
    }
    if (room_) algorithm_->refresh(candidates_);
}

void Pool::note_connect_failure(std::size_t member, TimePoint now) {
    members_[member].backed_off_until = now + avoidance;
    seen_.reset();
}

// Returns the index of each member in `old`, or -1 if it is new.
std::vector<std::ptrdiff_t> Pool::find_origins(const Pool& old) const {
    std::vector<std::ptrdiff_t> origin(members_.size(), -1);
    std::unordered_map<const Backend*, std::ptrdiff_t> index; // built for the first member that has moved
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto* backend = members_[i].backend.get();
        if (i < old.members_.size() && old.members_[i].backend.get() == backend) {
            origin[i] = static_cast<std::ptrdiff_t>(i);
            continue;
        }
        if (index.empty())
            for (std::size_t k = 0; k < old.members_.size(); ++k)
                index[old.members_[k].backend.get()] = static_cast<std::ptrdiff_t>(k);
        if (const auto it = index.find(backend); it != index.end()) origin[i] = it->second;
    }
    return origin;
}

void Pool::adopt(const Pool& old) {
    const auto origin = find_origins(old);
    for (std::size_t i = 0; i < members_.size(); ++i)
        if (origin[i] >= 0)
            members_[i].backed_off_until = old.members_[static_cast<std::size_t>(origin[i])].backed_off_until;
    if (settings_.algorithm == old.settings_.algorithm) algorithm_->adopt(*old.algorithm_, origin);
}

} // namespace weir::balancer
