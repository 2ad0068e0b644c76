#include "proxy/io/event_loop.h"

#include "proxy/io/waiter.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace weir::proxy {

EventLoop::EventLoop() : now_(LoopClock::now()), timers_(now_) {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    wakeup_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll_ || !wakeup_) throw std::system_error(errno, std::generic_category(), "event loop");
    add(wakeup_.get(), mailbox_, Trigger::level);
}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
    while (!stopping_) {
        const auto timeout = yielded_.empty() ? timers_.until_next(LoopClock::now()).count() : 0;
        fetched_ = ::epoll_wait(epoll_.get(), events_, batch, static_cast<int>(timeout));
        now_ = LoopClock::now();
        dispatch();
        wake_yielded();
        timers_.advance(now_);
    }
}

void EventLoop::dispatch() {
    for (at_ = 0; at_ < fetched_; ++at_)
        if (auto* handler = static_cast<EventHandler*>(events_[at_].data.ptr)) handler->on_event(events_[at_].events);
    fetched_ = at_ = 0;
}

void EventLoop::wake_later(Waiter& fiber) {
    fiber.queued_ = this;
    yielded_.push_back(&fiber);
}

void EventLoop::forget(Waiter& fiber) {
    for (auto* list : {&yielded_, &round_})
        std::replace(list->begin(), list->end(), &fiber, static_cast<Waiter*>(nullptr));
}

void EventLoop::wake_yielded() {
    round_.swap(yielded_);
    for (std::size_t i = 0; i < round_.size(); ++i) {
        if (!round_[i]) continue;
        round_[i]->queued_ = nullptr;
        round_[i]->wake();
    }
    round_.clear();
}

bool EventLoop::add(int fd, EventHandler& handler, Trigger trigger) {
    epoll_event event{};
    event.events = trigger == Trigger::edge ? EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET : EPOLLIN;
    event.data.ptr = &handler;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::remove(int fd, EventHandler& handler) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    for (int i = at_ + 1; i < fetched_; ++i)
        if (events_[i].data.ptr == &handler) events_[i].data.ptr = nullptr;
}

bool EventLoop::has_pending_event(const EventHandler& handler) const {
    for (int i = at_ + 1; i < fetched_; ++i)
        if (events_[i].data.ptr == &handler) return true;
    return false;
}

void EventLoop::post(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(work));
    }
    signal();
}

void EventLoop::stop() {
    post([this] { stopping_ = true; });
}

void EventLoop::signal() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

void EventLoop::run_posted() {
    std::uint64_t count;
    [[maybe_unused]] const auto got = ::read(wakeup_.get(), &count, sizeof count);
    std::vector<std::function<void()>> work;
    {
        const std::lock_guard lock(mutex_);
        work.swap(posted_);
    }
    for (auto& item : work) item();
}

} // namespace weir::proxy
