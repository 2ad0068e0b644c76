#include "base/timer.h"

#include <boost/asio/this_coro.hpp>

namespace weir {

boost::asio::awaitable<void> sleep_for(Clock::TimePoint::duration time) {
    Timer timer(co_await boost::asio::this_coro::executor);
    timer.expires_after(time);
    co_await timer.wait();
}

} // namespace weir
