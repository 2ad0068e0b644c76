#include "proxy/turn.h"

namespace weir::proxy {
namespace {

// Whoever is first looks again now and then, called or not: a backend may have come up, or a limit been raised.
constexpr auto look_again = std::chrono::milliseconds(50);

// A place in the queue.
class Place final : private balancer::Waiter {
public:
    Place(ClientSide& client, balancer::PoolState& pool) : client_(client), pool_(pool), worker_(client.context.index) {
        since = client.context.loop.now();
    }
    ~Place() {
        if (!joined_) return;
        pool_.leave(worker_, *this);
        if (called_) pool_.call_next(worker_); // a seat that was offered and is not taken is somebody else's
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    bool join(std::uint32_t most) { return joined_ = pool_.join(worker_, *this, most); }
    bool is_first() const { return pool_.is_first(worker_, *this); }
    void forget_call() { called_ = false; }

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

} // namespace

Turn try_turn(WorkerPool& pool, const balancer::Ask& ask) {
    if (pool.spec->config.queue && pool.balancer.state()->waiting() > 0) return {Turn::Outcome::full};
    return choose(pool, ask);
}

Task<Turn> take_turn(ClientSide& client, WorkerPool& pool, balancer::Ask ask) {
    const auto& queue = pool.spec->config.queue;
    auto& loop = client.context.loop;
    auto turn = try_turn(pool, ask);
    if (turn.outcome != Turn::Outcome::full || !queue) co_return turn;
    Place place(client, *pool.balancer.state());
    if (!place.join(queue->max)) co_return turn;
    const auto give_up = loop.now() + queue->timeout;
    for (;;) {
        if (place.is_first()) {
            ask.now = loop.now();
            turn = choose(pool, ask);
            if (turn.outcome != Turn::Outcome::full) break;
        }
        place.forget_call();
        client.timer.set(std::min(give_up, loop.now() + look_again));
        co_await client.fiber.wait();
        if (client.aborted || client.has_left()) co_return Turn{Turn::Outcome::client_gone};
        if (loop.now() >= give_up) break;
    }
    if (turn.outcome == Turn::Outcome::chosen) place.forget_call();
    co_return turn;
}

} // namespace weir::proxy
