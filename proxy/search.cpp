#include "proxy/search.h"

#include <algorithm>

namespace weir::proxy {
namespace {

// Whoever is first looks again now and then, called or not: a backend may have come up, or a limit been raised.
constexpr auto look_again = std::chrono::milliseconds(50);

} // namespace

// A place in the queue. Whoever leaves it from the front calls the next: there may be more than one free seat.
class Search::Place final : private balancer::Waiter {
public:
    Place(ClientSide& client, balancer::PoolState& pool) : client_(client), pool_(pool), worker_(client.context.index) {
        since = client.context.loop.now();
    }
    ~Place() {
        if (!joined_) return;
        const bool hands_on = called_ || is_first();
        pool_.leave(worker_, *this);
        if (hands_on) pool_.call_next(worker_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    bool join(std::uint32_t most) { return joined_ = pool_.join(worker_, *this, most); }
    bool is_first() const { return pool_.is_first(worker_, *this); }
    bool is_alone() const { return pool_.waiting() == 1; }
    bool take_call() { return std::exchange(called_, false); }
    // The seat is none that this one may have, because of whom it has tried: perhaps the one behind it may.
    void pass_on() { pool_.call_after(worker_, *this); }

private:
    void call() override {
        called_ = true;
        lead();
    }
    // In its own turn: whoever gives a seat back is still at work.
    void lead() override { client_.fiber.yield(client_.context.loop); }

    ClientSide& client_;
    balancer::PoolState& pool_;
    const std::size_t worker_;
    bool joined_ = false, called_ = false;
};

// The member of `next` that is the same backend as one of the pool's; unset where it has left.
std::optional<std::size_t> Search::find_again(std::size_t member, const WorkerPool& next) const {
    const auto& backend = pool_->spec->members[member].backend;
    const auto& members = next.spec->members;
    const auto it = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.backend == backend; });
    if (it == members.end()) return std::nullopt;
    return static_cast<std::size_t>(it - members.begin());
}

// Goes on in the pool that a reload has put in the place of this one. Where it has left, what it began with serves.
void Search::follow() {
    const auto& current = client_.listener->view;
    auto* next = pool_->superseded ? current->find_pool(pool_->spec->config.name) : nullptr;
    if (!next || next == pool_) return;
    std::size_t left = 0;
    for (std::size_t i = 0; i < count_; ++i)
        if (const auto again = find_again(tried_[i], *next)) tried_[left++] = *again;
    count_ = left;
    if (home_) home_ = find_again(*home_, *next);
    pool_ = next;
    earlier_.push_back(std::exchange(view_, current));
}

Turn Search::choose() {
    using Outcome = balancer::Choice::Outcome;
    follow();
    auto choice = pool_->balancer.choose({{tried_.data(), count_}, client_.context.loop.now(), key_, home_});
    if (choice.outcome == Outcome::full) return {Turn::Outcome::full};
    if (choice.outcome == Outcome::nobody) return {Turn::Outcome::nobody};
    tried_[count_++] = choice.member;
    ++tries_;
    return {Turn::Outcome::chosen, choice.member, std::move(choice.seat)};
}

Turn Search::try_turn() {
    follow();
    const auto* state = pool_->balancer.state(); // none where the pool has no members by now
    if (state && pool_->spec->config.queue && state->waiting() > 0) return {Turn::Outcome::full};
    return choose();
}

Task<Turn> Search::take_turn() {
    auto& loop = client_.context.loop;
    auto turn = try_turn();
    const auto queue = pool_->spec->config.queue;
    if (turn.outcome != Turn::Outcome::full || !queue) co_return turn;
    Place place(client_, *pool_->balancer.state());
    if (!place.join(queue->max)) co_return turn;
    const auto give_up = loop.now() + queue->timeout;
    bool look = place.is_alone(); // a seat may have been given back just before
    for (;;) {
        const bool called = place.take_call();
        if (look || called) turn = choose();
        if (turn.outcome != Turn::Outcome::full) break;
        if (called && is_particular()) place.pass_on();
        client_.timer.set(place.is_first() ? std::min(give_up, loop.now() + look_again) : give_up);
        co_await client_.fiber.wait();
        if (client_.aborted || client_.has_left()) co_return Turn{Turn::Outcome::client_gone};
        if (loop.now() >= give_up) break;
        look = place.is_first() && client_.timer.expired();
    }
    co_return turn;
}

} // namespace weir::proxy
