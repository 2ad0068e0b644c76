#include "proxy/worker/backend_selection.h"

#include <algorithm>

namespace weir::proxy {
namespace {

// The first in the queue tries again at this interval, called or not: a backend may be up again, or a limit raised.
constexpr auto look_again = std::chrono::milliseconds(50);

} // namespace

// A queue entry. If it leaves from the front, it calls the next one: there may be more than one free slot.
class BackendSelection::Place final : private balancer::QueueEntry {
public:
    Place(Client& client, balancer::PoolState& pool) : client_(client), pool_(pool), worker_(client.context.index) {
        since = client.context.loop.now();
    }
    ~Place() override {
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
    // Calls the next entry: this one cannot use the free slot because of the members it has tried. The next one may.
    void pass_on() { pool_.call_after(worker_, *this); }

private:
    void call() override {
        called_ = true;
        lead();
    }
    // Deferred to the loop's next round: the caller, which released a slot, is still running.
    void lead() override { client_.fiber.yield(client_.context.loop); }

    Client& client_;
    balancer::PoolState& pool_;
    const std::size_t worker_;
    bool joined_ = false, called_ = false;
};

// Returns the member of `next` that is the same backend as `member` of this pool; unset if it was removed.
std::optional<std::size_t> BackendSelection::find_again(std::size_t member, const WorkerPool& next) const {
    const auto& backend = pool_->spec->members[member].backend;
    const auto& members = next.spec->members;
    const auto it = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.backend == backend; });
    if (it == members.end()) return std::nullopt;
    return static_cast<std::size_t>(it - members.begin());
}

void BackendSelection::follow() {
    const auto& current = client_.listener->view;
    auto* next = pool_->superseded ? current->find_pool(pool_->spec->config.name) : nullptr;
    if (!next || next == pool_) return;
    std::size_t left = 0;
    for (std::size_t i = 0; i < count_; ++i)
        if (const auto renewed = find_again(tried_[i], *next)) tried_[left++] = *renewed;
    count_ = left;
    home_.reset(); // it was a member of the old pool
    pool_ = next;
    earlier_.push_back(std::exchange(view_, current));
    if (user_) user_->on_pool_changed();
}

Selection BackendSelection::choose() {
    using Outcome = balancer::Choice::Outcome;
    follow();
    auto choice = pool_->balancer.choose({{tried_.data(), count_}, client_.context.loop.now(), key_, home_});
    if (choice.outcome == Outcome::full) return {Selection::Outcome::full};
    if (choice.outcome == Outcome::none) return {Selection::Outcome::none};
    tried_[count_++] = choice.member;
    ++tries_;
    return {Selection::Outcome::chosen, choice.member, std::move(choice.seat)};
}

bool BackendSelection::may_try_again(const conf::Retries& retries) {
    auto& context = client_.context;
    follow(); // the backends that were tried may have been replaced
    if (tries_ >= retries.attempts || count_ >= pool_->spec->members.size()) return false;
    if (context.budget.take(context.loop.now(), retries.budget.value)) return true;
    context.counters.retries_refused.add();
    return false;
}

Selection BackendSelection::try_select() {
    follow();
    const auto* state = pool_->balancer.state(); // null if the pool has no members
    if (state && pool_->spec->config.queue && state->waiting() > 0) return {Selection::Outcome::full};
    return choose();
}

Task<Selection> BackendSelection::wait_for_slot(TimePoint latest) {
    auto& loop = client_.context.loop;
    auto selected = try_select();
    const auto queue = pool_->spec->config.queue;
    if (selected.outcome != Selection::Outcome::full || !queue) co_return selected;
    Place place(client_, *pool_->balancer.state());
    if (!place.join(queue->max)) co_return selected;
    const auto give_up = std::min(latest, TimePoint(loop.now() + queue->timeout));
    bool look = place.is_alone(); // a slot may have been released just before
    for (;;) {
        const bool called = place.take_call();
        if (look || called) selected = choose();
        if (selected.outcome != Selection::Outcome::full) break;
        if (called && is_particular()) place.pass_on();
        client_.timer.set(place.is_first() ? std::min(give_up, loop.now() + look_again) : give_up);
        co_await client_.fiber.wait();
        if (client_.aborted || client_.has_left()) co_return Selection{Selection::Outcome::client_gone};
        if (loop.now() >= give_up) co_return Selection{Selection::Outcome::late};
        look = place.is_first() && client_.timer.expired();
    }
    co_return selected;
}

} // namespace weir::proxy
