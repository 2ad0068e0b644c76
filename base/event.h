// Wakes the coroutines of one thread that wait for something to happen. Like a condition variable, it has no memory: a
// coroutine checks its own condition before and after it waits.
//
//   while (!queue_is_empty()) co_await changed_.wait();
//
// Thread: the executor's.
// Lifetime: destroying the event ends all waits for it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace weir {

class Event {
public:
    explicit Event(const boost::asio::any_io_executor& executor)
        : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
    explicit Event(boost::asio::io_context& context) : Event(context.get_executor()) {}

    // Returns after the next `notify_all`.
    boost::asio::awaitable<void> wait();
    void notify_all() { timer_.cancel(); }

private:
    boost::asio::steady_timer timer_; // never expires; only cancelled
};

} // namespace weir
