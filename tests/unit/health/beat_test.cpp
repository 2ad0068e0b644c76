#include "health/beat.h"
#include "tests/catch.h"

using namespace weir::health;
using namespace std::chrono_literals;
using Answer = BeatLedger::Answer;

namespace {

constexpr std::int64_t wall = 1'790'000'000'000;
const BeatLedger::Steady start{1h};

Beat beat(std::uint64_t sequence, std::chrono::milliseconds later) {
    return {"p", "b", sequence, wall + later.count()};
}

} // namespace

TEST_CASE("a beat is signed over all that it says") {
    const Beat one{"web", "web1", 7, wall, 3, true};
    // printf 'web\nweb1\n7\n1790000000000\n3\n1\n' | openssl dgst -sha256 -hmac 0123456789abcdef
    CHECK(sign_beat(one, "0123456789abcdef") == "ca97323a376455cab9852fb217887f39c63677534ca00ba79757a6e824a8304f");
    CHECK(is_signed(one, "0123456789abcdef", sign_beat(one, "0123456789abcdef")));
    CHECK_FALSE(is_signed(one, "0123456789abcdeg", sign_beat(one, "0123456789abcdef")));
    CHECK_FALSE(is_signed(one, "0123456789abcdef", ""));
    for (const auto& other : {Beat{"wob", "web1", 7, wall, 3, true}, Beat{"web", "web2", 7, wall, 3, true},
                              Beat{"web", "web1", 8, wall, 3, true}, Beat{"web", "web1", 7, wall + 1, 3, true},
                              Beat{"web", "web1", 7, wall, 4, true}, Beat{"web", "web1", 7, wall, 3, false}})
        CHECK(sign_beat(other, "0123456789abcdef") != sign_beat(one, "0123456789abcdef"));
}

TEST_CASE("beats rise: a replayed one, and one from before, are refused") {
    BeatLedger ledger;
    CHECK(ledger.take(beat(5, 0s), start, wall) == Answer::accepted);
    CHECK(ledger.take(beat(5, 0s), start + 1s, wall + 1000) == Answer::replayed);
    CHECK(ledger.take(beat(4, 1s), start + 1s, wall + 1000) == Answer::replayed);
    CHECK(ledger.take(beat(6, 1s), start + 1s, wall + 1000) == Answer::accepted);
    CHECK(ledger.last_sequence() == 6);
}

TEST_CASE("a beat that was held back is refused") {
    BeatLedger ledger;
    CHECK(ledger.take(beat(1, 0s), start, wall) == Answer::accepted);
    CHECK(ledger.take(beat(2, 1s), start + 62s, wall + 62'000) == Answer::off_time);
    CHECK(ledger.take(beat(3, 61s), start + 62s, wall + 62'000) == Answer::accepted);
    CHECK(ledger.take(beat(4, 3h), start + 63s, wall + 63'000) == Answer::off_time);
}

TEST_CASE("the first beat is judged by this machine's clock") {
    CHECK(BeatLedger().take(beat(1, 59s), start, wall) == Answer::accepted);
    CHECK(BeatLedger().take(beat(1, -59s), start, wall) == Answer::accepted);
    CHECK(BeatLedger().take(beat(1, 61s), start, wall) == Answer::off_time);
    CHECK(BeatLedger().take(beat(1, -1h), start, wall) == Answer::off_time);
    CHECK(BeatLedger().expected_ms(start, wall) == wall);
}

TEST_CASE("a clock that jumps an hour here, either way, changes nothing") {
    for (const std::int64_t jump : {3'600'000, -3'600'000}) {
        BeatLedger ledger;
        CHECK(ledger.take(beat(1, 0s), start, wall) == Answer::accepted);
        for (int i = 2; i < 200; ++i) {
            const auto passed = std::chrono::seconds(i);
            CHECK(ledger.take(beat(static_cast<std::uint64_t>(i), passed), start + passed, wall + jump) ==
                  Answer::accepted);
        }
        CHECK(ledger.expected_ms(start + 200s, wall + jump) == wall + 200'000);
    }
}
