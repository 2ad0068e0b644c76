#include "proxy/worker/handshake_limit.h"
#include "tests/catch.h"

#include <optional>

using weir::proxy::HandshakeLimit;
using weir::proxy::TimePoint;

namespace {

TimePoint round_of_events(int number) { return TimePoint(std::chrono::milliseconds(number)); }

} // namespace

TEST_CASE("a round of events computes at most two steps of handshakes") {
    HandshakeLimit limit;
    HandshakeLimit::Turn one(limit), two(limit), three(limit);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(three.try_begin(round_of_events(1)));
    CHECK_FALSE(one.try_begin(round_of_events(1)));
    CHECK(three.try_begin(round_of_events(2)));
}

TEST_CASE("a handshake that waits is not overtaken by a later one") {
    HandshakeLimit limit;
    HandshakeLimit::Turn one(limit), two(limit), waiting(limit), newcomer(limit);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(waiting.try_begin(round_of_events(1)));
    CHECK_FALSE(newcomer.try_begin(round_of_events(2)));
    CHECK(waiting.try_begin(round_of_events(2)));
    CHECK(newcomer.try_begin(round_of_events(2)));
}

TEST_CASE("an abandoned handshake does not keep others waiting") {
    HandshakeLimit limit;
    HandshakeLimit::Turn one(limit), two(limit), next(limit);
    std::optional<HandshakeLimit::Turn> gone(limit);
    CHECK(one.try_begin(round_of_events(1)));
    CHECK(two.try_begin(round_of_events(1)));
    CHECK_FALSE(gone->try_begin(round_of_events(1)));
    gone.reset();
    CHECK(next.try_begin(round_of_events(2)));
}
