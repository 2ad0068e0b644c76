#include "health/beats/beat.h"
#include "tests/catch.h"

using namespace weir::health;
using namespace std::chrono_literals;
using Answer = ReplayGuard::Answer;

namespace {

constexpr std::int64_t wall = 1'790'000'000'000;
const ReplayGuard::Steady start{1h};

Beat beat(std::uint64_t sequence, std::chrono::milliseconds later) {
    return {"p", "b", sequence, wall + later.count()};
}

} // namespace

TEST_CASE("a beat's signature covers all of its fields") {
    const Beat one{"web", "web1", 7, wall, 3, true};
    // printf 'web\nweb1\n7\n1790000000000\n3\n1\n' | openssl dgst -sha256 -hmac 0123456789abcdef
    const BeatKey key("0123456789abcdef");
    for (int again = 0; again < 3; ++again) // a key can be used repeatedly
        CHECK(key.sign(one) == "ca97323a376455cab9852fb217887f39c63677534ca00ba79757a6e824a8304f");
    CHECK(key.has_signed(one, key.sign(one)));
    CHECK_FALSE(BeatKey("0123456789abcdeg").has_signed(one, key.sign(one)));
    CHECK_FALSE(key.has_signed(one, ""));
    for (const auto& other : {Beat{"wob", "web1", 7, wall, 3, true}, Beat{"web", "web2", 7, wall, 3, true},
                              Beat{"web", "web1", 8, wall, 3, true}, Beat{"web", "web1", 7, wall + 1, 3, true},
                              Beat{"web", "web1", 7, wall, 4, true}, Beat{"web", "web1", 7, wall, 3, false}})
        CHECK(key.sign(other) != key.sign(one));
}

TEST_CASE("a replayed or older beat is refused") {
    ReplayGuard ledger(start - 1h);
    CHECK(ledger.take(beat(5, 0s), start, wall) == Answer::accepted);
    CHECK(ledger.take(beat(5, 0s), start + 1s, wall + 1000) == Answer::replayed);
    CHECK(ledger.take(beat(4, 1s), start + 1s, wall + 1000) == Answer::replayed);
    CHECK(ledger.take(beat(6, 1s), start + 1s, wall + 1000) == Answer::accepted);
    CHECK(ledger.last_sequence() == 6);
}

TEST_CASE("a delayed beat is refused") {
    ReplayGuard ledger(start - 1h);
    CHECK(ledger.take(beat(1, 0s), start, wall) == Answer::accepted);
    CHECK(ledger.take(beat(2, 1s), start + 62s, wall + 62'000) == Answer::off_time);
    CHECK(ledger.take(beat(3, 61s), start + 62s, wall + 62'000) == Answer::accepted);
    CHECK(ledger.take(beat(4, 3h), start + 63s, wall + 63'000) == Answer::off_time);
}

TEST_CASE("the first beat is checked against this machine's clock") {
    CHECK(ReplayGuard(start - 1h).take(beat(1, 59s), start, wall) == Answer::accepted);
    CHECK(ReplayGuard(start - 1h).take(beat(1, -59s), start, wall) == Answer::accepted);
    CHECK(ReplayGuard(start - 1h).take(beat(1, 61s), start, wall) == Answer::off_time);
    CHECK(ReplayGuard(start - 1h).take(beat(1, -1h), start, wall) == Answer::off_time);
    CHECK(ReplayGuard(start - 1h).expected_ms(start, wall) == wall);
}

TEST_CASE("a local clock that jumps by an hour changes nothing") {
    for (const std::int64_t jump : {3'600'000, -3'600'000}) {
        ReplayGuard ledger(start - 1h);
        CHECK(ledger.take(beat(1, 0s), start, wall) == Answer::accepted);
        for (int i = 2; i < 200; ++i) {
            const auto passed = std::chrono::seconds(i);
            CHECK(ledger.take(beat(static_cast<std::uint64_t>(i), passed), start + passed, wall + jump) ==
                  Answer::accepted);
        }
        CHECK(ledger.expected_ms(start + 200s, wall + jump) == wall + 200'000);
    }
}

TEST_CASE("a first beat in the millisecond in which the ledger began is accepted") {
    // For example, the ledger begins at 0.2 ms, the beat is created at 0.9 ms and arrives at 1.1 ms.
    CHECK(ReplayGuard(start).take(beat(1, 0s), start + 900us, wall + 1) == Answer::accepted);
    CHECK(ReplayGuard(start).take(beat(1, -1s), start + 900us, wall + 1) == Answer::off_time);
}

TEST_CASE("a first beat from before the ledger began is refused") {
    // It may be a replay of a beat that another process received.
    CHECK(ReplayGuard(start - 5s).take(beat(1, -6s), start, wall) == Answer::off_time);
    CHECK(ReplayGuard(start - 5s).take(beat(1, -4s), start, wall) == Answer::accepted);
    ReplayGuard ledger(start - 5s); // setting the clock back does no harm
    CHECK(ledger.take(beat(1, -1h), start, wall - 3'600'000) == Answer::accepted);
}

TEST_CASE("a ledger is kept for as long as a beat that it saw can be replayed") {
    ReplayGuard ledger(start);
    CHECK_FALSE(ledger.is_spent(start + 120s));
    CHECK(ledger.take(beat(1, 120s), start + 120s, wall + 120'000) == Answer::accepted);
    CHECK_FALSE(ledger.is_spent(start + 240s));
    CHECK(ledger.is_spent(start + 360s));
}
