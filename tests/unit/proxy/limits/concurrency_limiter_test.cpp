#include "proxy/limits/concurrency_limiter.h"

#include "tests/catch.h"

#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::proxy::limits;

namespace {

std::shared_ptr<ConcurrencyLimiter> make_limiter() {
    return std::make_shared<ConcurrencyLimiter>(conf::ClientKey{}, SipKey{1, 2});
}

template <class Client>
bool take_seat(std::vector<ConcurrencySeat>& seats, const std::shared_ptr<ConcurrencyLimiter>& limiter,
               const Client& client) {
    const auto decision = limiter->admit(client, 1);
    if (decision.slot) seats.emplace_back(limiter, decision.slot);
    return decision.accepted;
}

} // namespace

TEST_CASE("concurrent requests are told apart by address and by text") {
    const auto limiter = make_limiter();
    std::vector<ConcurrencySeat> seats;
    const auto enter = [&](const std::string& ip) { return take_seat(seats, limiter, *conf::Address::parse(ip)); };
    CHECK(enter("10.0.0.1:1"));
    CHECK_FALSE(enter("10.0.0.1:2"));
    CHECK_FALSE(enter("[::ffff:10.0.0.1]:3"));
    CHECK(enter("10.0.0.2:1"));
    CHECK(enter("[2001:db8::1]:1"));
    CHECK_FALSE(enter("[2001:db8::ffff]:1")); // the same /64
    CHECK(enter("[2001:db8:0:1::1]:1"));
    CHECK(take_seat(seats, limiter, conf::Address()));
    CHECK_FALSE(take_seat(seats, limiter, conf::Address()));
    CHECK(take_seat(seats, limiter, std::string_view("key")));
    CHECK_FALSE(take_seat(seats, limiter, std::string_view("key")));
    seats.clear();
    CHECK(enter("10.0.0.1:1"));
    CHECK(take_seat(seats, limiter, std::string_view("key")));
}

TEST_CASE("a seat that moves is given up once") {
    const auto limiter = make_limiter();
    const auto enter = [&] { return limiter->admit(std::string_view("key"), 1); };
    const auto first = enter();
    REQUIRE(first.slot);
    {
        ConcurrencySeat seat(limiter, first.slot);
        ConcurrencySeat moved(std::move(seat)), assigned;
        assigned = std::move(moved);
        CHECK_FALSE(enter().accepted);
    }
    const auto second = enter();
    CHECK(second.accepted);
    CHECK_FALSE(enter().accepted);
    ConcurrencySeat last(limiter, second.slot);
}

TEST_CASE("a seat outlives the limit that it belongs to") {
    auto limiter = make_limiter();
    const std::weak_ptr<ConcurrencyLimiter> watched = limiter;
    {
        ConcurrencySeat seat(limiter, limiter->admit(std::string_view("key"), 1).slot);
        limiter.reset();
        CHECK_FALSE(watched.expired());
    }
    CHECK(watched.expired());
}
