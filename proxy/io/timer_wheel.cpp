#include "proxy/io/timer_wheel.h"

#include "proxy/io/waiter.h"

#include <algorithm>
#include <bit>

namespace weir::proxy {
namespace {

constexpr auto tick_length = std::chrono::milliseconds(16);
constexpr std::uint64_t in_due_list = ~std::uint64_t{0}; // the tick of a timer that is about to be woken

} // namespace

void WheelTimer::set(TimePoint deadline) {
    expired_ = false;
    deadline_ = std::max(wheel_.tick_of(deadline) + 1, wheel_.now_ + 1);
    if (tick_ != 0 && tick_ != in_due_list && tick_ <= deadline_) return; // the wheel visits its slot in time
    if (tick_ != 0) wheel_.unlink(*this);
    wheel_.link(*this, deadline_);
}

void WheelTimer::cancel() {
    if (tick_ != 0) wheel_.unlink(*this);
    expired_ = false;
}

TimerWheel::TimerWheel(TimePoint start) : start_(start) {}

std::uint64_t TimerWheel::tick_of(TimePoint time) const {
    return time <= start_ ? 0 : static_cast<std::uint64_t>((time - start_) / tick_length);
}

void TimerWheel::link(WheelTimer& timer, std::uint64_t tick) {
    // The wheel visits each slot once per turn; a timer that is due later is put back then.
    timer.tick_ = std::min(tick, now_ + slots - 1);
    auto& slot = slots_[timer.tick_ % slots];
    timer.previous_ = nullptr;
    timer.next_ = slot;
    if (slot) slot->previous_ = &timer;
    slot = &timer;
    filled_[timer.tick_ % slots / 64] |= std::uint64_t{1} << (timer.tick_ % 64);
}

void TimerWheel::unlink(WheelTimer& timer) {
    auto& first = timer.tick_ == in_due_list ? due_ : slots_[timer.tick_ % slots];
    if (timer.next_) timer.next_->previous_ = timer.previous_;
    if (timer.previous_) timer.previous_->next_ = timer.next_;
    else first = timer.next_;
    if (!first && timer.tick_ != in_due_list)
        filled_[timer.tick_ % slots / 64] &= ~(std::uint64_t{1} << (timer.tick_ % 64));
    timer.tick_ = 0;
    timer.previous_ = timer.next_ = nullptr;
}

void TimerWheel::collect(std::uint64_t tick) {
    for (auto* timer = slots_[tick % slots]; timer;) {
        auto* next = timer->next_;
        if (timer->tick_ == tick) {
            unlink(*timer);
            if (timer->deadline_ > tick) {
                link(*timer, timer->deadline_);
            } else {
                timer->tick_ = in_due_list;
                timer->next_ = due_;
                if (due_) due_->previous_ = timer;
                due_ = timer;
            }
        }
        timer = next;
    }
}

void TimerWheel::wake_due() {
    while (due_) {
        WheelTimer& timer = *due_;
        unlink(timer);
        timer.expired_ = true;
        timer.waker_->wake(); // may free the timer
    }
}

void TimerWheel::advance(TimePoint now) {
    const auto target = tick_of(now);
    while (now_ < target) {
        ++now_;
        if (filled_[now_ % slots / 64] >> (now_ % 64) & 1) collect(now_);
    }
    wake_due();
}

std::chrono::milliseconds TimerWheel::until_next(TimePoint now) const {
    std::uint64_t ahead = slots;
    for (std::uint64_t i = 1; i < slots;) {
        const auto slot = (now_ + i) % slots;
        const auto bits = filled_[slot / 64] >> (slot % 64);
        if (bits) {
            ahead = i + static_cast<std::uint64_t>(std::countr_zero(bits));
            break;
        }
        i += 64 - slot % 64;
    }
    // Signed: `at` may be before `now`, if the loop is late.
    const auto at = start_ + static_cast<std::int64_t>(now_ + ahead) * tick_length;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - now);
    return std::max(left, std::chrono::milliseconds(0));
}

} // namespace weir::proxy
