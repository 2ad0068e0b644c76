#include "balancer/queue.h"

namespace weir::balancer {

void Queue::push(QueueEntry& waiter) {
    waiter.previous_ = last_;
    waiter.next_ = nullptr;
    (last_ ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    publish();
}

void Queue::remove(QueueEntry& waiter) {
    const bool led = first_ == &waiter;
    (waiter.previous_ ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ ? waiter.next_->previous_ : last_) = waiter.previous_;
    waiter.previous_ = waiter.next_ = nullptr;
    publish();
    if (led && first_) first_->lead();
}

void Queue::publish() {
    oldest_.store(first_ ? first_->since.time_since_epoch().count() : none, std::memory_order_relaxed);
}

} // namespace weir::balancer
