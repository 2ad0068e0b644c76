#include "proxy/turn.h"

#include <algorithm>
#include <array>

namespace weir::proxy {
namespace {

// Whoever is first looks again now and then, called or not: a backend may have come up, or a limit been raised.
constexpr auto look_again = std::chrono::milliseconds(50);

// A place in the queue. Whoever leaves it from the front calls the next: there may be more than one free seat.
class Place final : private balancer::Waiter {
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
        client_.fiber.yield(client_.context.loop); // in its own turn: whoever gives a seat back is still at work
    }

    ClientSide& client_;
    balancer::PoolState& pool_;
    const std::size_t worker_;
    bool joined_ = false, called_ = false;
};

Turn choose(WorkerPool& pool, const balancer::Ask& ask) {
    auto choice = pool.balancer.choose(ask);
    using Outcome = balancer::Choice::Outcome;
    const auto outcome = choice.outcome == Outcome::chosen ? Turn::Outcome::chosen
                         : choice.outcome == Outcome::full ? Turn::Outcome::full
                                                           : Turn::Outcome::nobody;
    return {outcome, choice.member, std::move(choice.seat)};
}

// A question and the pool that it is put to. A reload may put another in the pool's place while the client waits.
class Question {
public:
    Question(WorkerPool& pool, const balancer::Ask& ask) : ask_(ask), pool_(&pool), count_(ask.tried.size()) {
        std::copy(ask.tried.begin(), ask.tried.end(), tried_.begin());
        ask_.tried = {tried_.data(), count_};
    }
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;

    bool is_particular() const { return count_ > 0 || ask_.preferred; }

    Turn put(const ViewPtr& current, TimePoint now) {
        if (pool_->superseded) move_to(current);
        ask_.now = now;
        auto turn = choose(*pool_, ask_);
        turn.view = view_;
        turn.pool = pool_;
        return turn;
    }

private:
    void move_to(const ViewPtr& current) {
        auto* next = current->find_pool(pool_->spec->config.name);
        if (!next || next == pool_) return; // it has left: who waits for it is served by what they began with
        count_ = find_all_again({tried_.data(), count_}, *pool_, *next);
        ask_.tried = {tried_.data(), count_};
        if (ask_.preferred) ask_.preferred = find_again(*ask_.preferred, *pool_, *next);
        pool_ = next;
        view_ = current;
    }

    balancer::Ask ask_;
    WorkerPool* pool_;
    ViewPtr view_;
    std::array<std::size_t, conf::most_attempts + 1> tried_{};
    std::size_t count_;
};

} // namespace

std::optional<std::size_t> find_again(std::size_t member, const WorkerPool& from, const WorkerPool& to) {
    const auto& backend = from.spec->members[member].backend;
    const auto& members = to.spec->members;
    const auto it = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.backend == backend; });
    if (it == members.end()) return std::nullopt;
    return static_cast<std::size_t>(it - members.begin());
}

std::size_t find_all_again(std::span<std::size_t> members, const WorkerPool& from, const WorkerPool& to) {
    std::size_t count = 0;
    for (const auto member : members)
        if (const auto again = find_again(member, from, to)) members[count++] = *again;
    return count;
}

Turn try_turn(WorkerPool& pool, const balancer::Ask& ask) {
    if (pool.spec->config.queue && pool.balancer.state()->waiting() > 0) return {Turn::Outcome::full};
    return choose(pool, ask);
}

Task<Turn> take_turn(ClientSide& client, WorkerPool& pool, balancer::Ask ask) {
    auto& loop = client.context.loop;
    const auto queue = pool.spec->config.queue;
    auto turn = try_turn(pool, ask);
    if (turn.outcome != Turn::Outcome::full || !queue) co_return turn;
    Place place(client, *pool.balancer.state());
    if (!place.join(queue->max)) co_return turn;
    Question question(pool, ask);
    const auto give_up = loop.now() + queue->timeout;
    bool look = place.is_alone(); // a seat may have been given back just before
    for (;;) {
        const bool called = place.take_call();
        if (look || called) turn = question.put(client.listener->view, loop.now());
        if (turn.outcome != Turn::Outcome::full) break;
        if (called && question.is_particular()) place.pass_on();
        client.timer.set(place.is_first() ? std::min(give_up, loop.now() + look_again) : give_up);
        co_await client.fiber.wait();
        if (client.aborted || client.has_left()) co_return Turn{Turn::Outcome::client_gone};
        if (loop.now() >= give_up) break;
        look = place.is_first() && client.timer.expired();
    }
    co_return turn;
}

} // namespace weir::proxy
