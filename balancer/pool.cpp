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
    full_.reserve(members_.size());
}

std::uint64_t Pool::of(std::size_t candidate) const {
    return members_[candidate].backend->total(&BackendCounters::active);
}

Availability Pool::look_at(const Member& member, TimePoint now) const {
    return {member.state, member.backend->verdict(), member.backend->ejection(), member.backup,
            member.avoided_until > now};
}

bool Pool::is_panic(TimePoint now) const {
    if (settings_.panic_threshold.value == 0) return false;
    std::uint64_t well = 0, all = 0;
    for (const auto& member : members_) {
        const auto availability = look_at(member, now);
        if (availability.state != conf::AdminState::ready) continue;
        if (availability.backup && availability.is_healthy()) return false; // that is what they are for
        if (availability.backup) continue;
        ++all;
        well += !availability.is_sick();
    }
    return well * 100 < all * settings_.panic_threshold.value;
}

// Draws the picture that choices are made from. Who is full is not replaced by a lower rank: backups are for the sick.
void Pool::look_around(std::span<const std::size_t> tried, TimePoint now) {
    seen_.reset();
    if (tried.empty() && full_.empty() && !members_.empty()) seen_ = members_[0].backend->pool_state().version();
    look_again_ = TimePoint::max();
    best_ = out;
    const bool panic = is_panic(now);
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto availability = look_at(members_[i], now);
        ranks_[i] = contains(tried, i) ? out : panic ? rank_in_panic(availability) : rank_of(availability);
        best_ = std::min(best_, ranks_[i]);
        if (availability.avoided) look_again_ = std::min(look_again_, members_[i].avoided_until);
        candidates_[i].ramp = ramp_of(members_[i], now);
    }
    room_ = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        candidates_[i].eligible = best_ != out && ranks_[i] == best_ && !contains(full_, i);
        room_ = room_ || candidates_[i].eligible;
    }
    if (room_) algorithm_->refresh(candidates_);
}

std::uint32_t Pool::ramp_of(const Member& member, TimePoint now) {
    const auto began = member.backend->ramp_start();
    const auto ramp = began == TimePoint() ? 100 : ramp_at(now - began, settings_.slow_start);
    if (ramp < 100)
        look_again_ =
            std::min(look_again_, now + std::max<conf::Duration>(settings_.slow_start / ramp_steps, shortest_step));
    return ramp;
}

bool Pool::holds(const Ask& ask) const {
    return seen_ && ask.tried.empty() && ask.now < look_again_ && *seen_ == members_[0].backend->pool_state().version();
}

std::optional<Seat> Pool::seat_at(std::size_t member) {
    auto& backend = *members_[member].backend;
    const auto limit = members_[member].max_connections;
    if (limit == 0) return Seat(backend, settings_.worker, Limited::no);
    if (!backend.take_seat(limit)) return std::nullopt;
    return Seat(backend, settings_.worker, Limited::yes);
}

Choice Pool::choose(const Ask& ask) {
    if (ask.preferred && !contains(ask.tried, *ask.preferred) && is_home(*ask.preferred, ask.now) &&
        members_[*ask.preferred].avoided_until <= ask.now)
        if (auto seat = seat_at(*ask.preferred)) return {Choice::Outcome::chosen, *ask.preferred, std::move(*seat)};
    full_.clear();
    if (!holds(ask)) look_around(ask.tried, ask.now);
    while (room_) {
        const auto member = algorithm_->choose(candidates_, {ask.key ? *ask.key : random_.next(), random_, *this});
        if (auto seat = seat_at(member)) return {Choice::Outcome::chosen, member, std::move(*seat)};
        full_.push_back(member);
        look_around(ask.tried, ask.now);
    }
    return {full_.empty() ? Choice::Outcome::nobody : Choice::Outcome::full};
}

void Pool::note_connect_failure(std::size_t member, TimePoint now) {
    members_[member].avoided_until = now + avoidance;
    seen_.reset();
}

// Where each member was in `old`, or -1.
std::vector<std::ptrdiff_t> Pool::find_origins(const Pool& old) const {
    std::vector<std::ptrdiff_t> origin(members_.size(), -1);
    std::unordered_map<const Backend*, std::ptrdiff_t> index; // made when the first is not where it was
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
        if (origin[i] >= 0) members_[i].avoided_until = old.members_[static_cast<std::size_t>(origin[i])].avoided_until;
    if (settings_.algorithm == old.settings_.algorithm) algorithm_->adopt(*old.algorithm_, origin);
}

} // namespace weir::balancer
