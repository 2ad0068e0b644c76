#include "base/async_mutex.h"
#include "base/use_nothrow_awaitable.h"
#include "tests/catch.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

using namespace weir;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> enter(AsyncMutex& mutex, std::string& order, char name) {
    const auto pass = co_await mutex.enter();
    order += name;
}

// The coroutine that held the mutex asks for it again at once.
asio::awaitable<void> enter_twice(AsyncMutex& mutex, std::string& order, std::shared_ptr<asio::steady_timer> gate) {
    {
        const auto pass = co_await mutex.enter();
        order += 'a';
        co_await gate->async_wait(use_nothrow_awaitable);
    }
    co_await enter(mutex, order, 'z');
}

} // namespace

TEST_CASE("a mutex is granted in order, even if a waiter is cancelled") {
    asio::io_context context;
    AsyncMutex mutex(context.get_executor());
    std::string order;
    const auto gate = std::make_shared<asio::steady_timer>(context, asio::steady_timer::time_point::max());
    asio::co_spawn(context, enter_twice(mutex, order, gate), asio::detached);
    asio::cancellation_signal gone;
    asio::co_spawn(context, enter(mutex, order, 'x'), asio::bind_cancellation_slot(gone.slot(), asio::detached));
    for (const char name : {'b', 'c', 'd'}) asio::co_spawn(context, enter(mutex, order, name), asio::detached);
    context.poll();
    CHECK(order == "a");
    gone.emit(asio::cancellation_type::terminal);
    context.poll();
    gate->cancel();
    context.run();
    CHECK(order == "abcdz");
}
