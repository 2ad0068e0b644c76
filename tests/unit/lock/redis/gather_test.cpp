#include "lock/redis/gather.h"

#include "base/event.h"
#include "tests/catch.h"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <stdexcept>

using namespace weir::lock;
using weir::Event;
using weir::Result;
namespace asio = boost::asio;

namespace {

// Returns `value`, after waiting for `gate` if there is one.
Awaitable<Result<int>> answer(std::shared_ptr<Event> gate, int value) {
    if (gate) co_await gate->wait();
    co_return value;
}

std::size_t count(const Gathered<Result<int>>& answers) {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [](const auto& a) { return !!a; }));
}

} // namespace

TEST_CASE("a hanging server is not waited for once enough have answered") {
    // Its late answer must do no harm.
    asio::io_context context;
    const auto gate = std::make_shared<Event>(context);
    Gathered<Result<int>> got;
    asio::co_spawn(
        context,
        [&]() -> Awaitable<void> {
            std::vector<Awaitable<Result<int>>> works;
            works.push_back(answer(nullptr, 1));
            works.push_back(answer(gate, 2));
            works.push_back(answer(nullptr, 3));
            got = co_await gather<Result<int>>(context.get_executor(), std::move(works),
                                               [](const auto& answers) { return count(answers) >= 2; });
            gate->notify_all();
        },
        [](std::exception_ptr failure) { CHECK_FALSE(failure); });
    context.run(); // returns, because all operations end
    REQUIRE(got.size() == 3);
    CHECK(**got[0] == 1);
    CHECK_FALSE(got[1]);
    CHECK(**got[2] == 3);
}

TEST_CASE("all are waited for until they decide, and an exception is rethrown") {
    asio::io_context context;
    const auto gate = std::make_shared<Event>(context);
    std::size_t answered = 0;
    bool thrown = false;
    const auto ask = [&](std::vector<Awaitable<Result<int>>> works) -> Awaitable<void> {
        const auto got =
            co_await gather<Result<int>>(context.get_executor(), std::move(works), [](const auto&) { return false; });
        answered += count(got);
    };
    std::vector<Awaitable<Result<int>>> works;
    works.push_back(answer(nullptr, 1));
    works.push_back(answer(gate, 2));
    asio::co_spawn(context, ask(std::move(works)), [](std::exception_ptr failure) { CHECK_FALSE(failure); });
    context.poll();
    CHECK(answered == 0);
    gate->notify_all();
    context.run();
    CHECK(answered == 2);
    context.restart();
    std::vector<Awaitable<Result<int>>> bad;
    bad.push_back([]() -> Awaitable<Result<int>> {
        throw std::runtime_error("no memory");
        co_return 0;
    }());
    asio::co_spawn(context, ask(std::move(bad)), [&](std::exception_ptr failure) { thrown = failure != nullptr; });
    context.run();
    CHECK(thrown);
}
