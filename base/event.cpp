#include "base/event.h"

#include "base/use_nothrow_awaitable.h"

namespace weir {

boost::asio::awaitable<void> Event::wait() { co_await timer_.async_wait(use_nothrow_awaitable); }

} // namespace weir
