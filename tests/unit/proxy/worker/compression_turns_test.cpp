#include "proxy/worker/compression_turns.h"
#include "tests/catch.h"

#include <optional>

using namespace weir::proxy;

namespace {

constexpr auto long_turn = CompressionTurns::long_turn, short_turn = CompressionTurns::short_turn;

TimePoint turn_round(int number) { return TimePoint(std::chrono::milliseconds(number)); }

struct Compressions {
    EventLoop loop; // does not run: a fiber that is woken stays so until wake()
    CompressionTurns turns;
};

struct CompressedBody {
    explicit CompressedBody(Compressions& all) : turn(all.turns, fiber.emplace(), all.loop) {}

    // Compresses as much as one turn allows, and has more.
    TurnStart use_turn(int round) {
        const auto start = turn.try_begin(turn_round(round), known);
        return start == TurnStart::now ? turn.end(turn.limit(), TurnEnd::more_left) : start;
    }
    // Compresses a little, and has no more for now.
    TurnStart pause(int round) {
        const auto start = turn.try_begin(turn_round(round), known);
        return start == TurnStart::now ? turn.end(1, TurnEnd::nothing_left) : start;
    }
    bool is_woken() const { return fiber->is_yielding(); }
    void wake() { fiber.emplace(); }

    std::uint64_t known = 0;
    std::optional<Waiter> fiber;
    CompressionTurns::Turn turn;
};

} // namespace

TEST_CASE("a body that is compressed alone has one long turn per round") {
    Compressions all;
    CompressedBody body(all);
    for (int round = 1; round < 20; ++round) {
        CHECK(body.use_turn(round) == TurnStart::in_next_round);
        CHECK(body.turn.limit() == long_turn);
    }
    CHECK(body.pause(20) == TurnStart::now);
    CHECK_FALSE(body.turn.is_queued());
    CHECK_FALSE(body.is_woken());
}

TEST_CASE("long bodies take turns, four in a row") {
    Compressions all;
    CompressedBody one(all), other(all);
    CHECK(one.use_turn(1) == TurnStart::in_next_round);
    CHECK(other.use_turn(2) == TurnStart::when_woken);
    for (int round = 2; round < 5; ++round) {
        CHECK(one.use_turn(round) == TurnStart::in_next_round);
        CHECK(other.use_turn(round) == TurnStart::when_woken);
    }
    CHECK_FALSE(other.is_woken());
    CHECK(one.use_turn(5) == TurnStart::when_woken);
    CHECK(other.is_woken());
    CHECK(one.use_turn(5) == TurnStart::when_woken);
    other.wake();
    for (int round = 6; round < 9; ++round) CHECK(other.use_turn(round) == TurnStart::in_next_round);
    CHECK_FALSE(one.is_woken());
    CHECK(other.use_turn(9) == TurnStart::when_woken);
    CHECK(one.is_woken());
}

TEST_CASE("an event gives no second turn in a round of compression") {
    Compressions all;
    CompressedBody body(all);
    CHECK(body.use_turn(1) == TurnStart::in_next_round);
    body.fiber->yield(all.loop);
    CHECK(body.use_turn(2) == TurnStart::when_woken);
    body.wake();
    CHECK(body.use_turn(2) == TurnStart::in_next_round);
}

TEST_CASE("a short body does not wait behind long ones") {
    Compressions all;
    CompressedBody one(all), other(all), brief(all);
    CHECK(one.use_turn(1) == TurnStart::in_next_round);
    CHECK(other.use_turn(2) == TurnStart::when_woken);
    CHECK(other.turn.limit() == short_turn);
    CHECK(brief.pause(2) == TurnStart::now);
    CHECK(brief.turn.limit() == short_turn);
    CHECK_FALSE(brief.turn.is_queued());
}

TEST_CASE("a body that is known to be long is not begun before its turn") {
    Compressions all;
    CompressedBody one(all), other(all), brief(all);
    CHECK(one.use_turn(1) == TurnStart::in_next_round);
    other.known = short_turn + 1;
    brief.known = short_turn;
    CHECK(other.pause(2) == TurnStart::when_woken);
    CHECK(brief.pause(2) == TurnStart::now);
    CHECK(one.pause(2) == TurnStart::now);
    CHECK(other.is_woken());
    other.wake();
    CHECK(other.use_turn(3) == TurnStart::in_next_round);
    CHECK(other.turn.limit() == long_turn);
}

TEST_CASE("a body that awaits more bytes keeps its place") {
    Compressions all;
    CompressedBody idle(all), queued(all);
    CHECK(idle.turn.try_begin(turn_round(1), 0) == TurnStart::now);
    CHECK(idle.turn.end(1, TurnEnd::more_left) == TurnStart::in_next_round);
    CHECK_FALSE(idle.turn.is_queued());
    CHECK(queued.use_turn(2) == TurnStart::in_next_round);
    CHECK(queued.turn.try_begin(turn_round(3), 0) == TurnStart::now);
    CHECK(queued.turn.end(0, TurnEnd::more_left) == TurnStart::in_next_round);
    CHECK(queued.turn.is_queued());
}

TEST_CASE("a round in which bodies have had a long turn has only short ones") {
    Compressions all;
    CompressedBody first(all), brief(all), next(all), last(all);
    CHECK(first.turn.try_begin(turn_round(1), long_turn) == TurnStart::now);
    CHECK(first.turn.limit() == long_turn);
    CHECK(first.turn.end(long_turn, TurnEnd::nothing_left) == TurnStart::now);
    CHECK(brief.pause(1) == TurnStart::now);
    CHECK(brief.turn.limit() == short_turn);
    next.known = last.known = long_turn;
    CHECK(next.pause(1) == TurnStart::in_next_round);
    CHECK(last.pause(1) == TurnStart::when_woken);
    CHECK(next.pause(2) == TurnStart::now);
    CHECK(last.is_woken());
}

TEST_CASE("bodies that leave the queue pass the turn on") {
    Compressions all;
    CompressedBody first(all), third(all);
    std::optional<CompressedBody> second(std::in_place, all);
    CHECK(first.use_turn(1) == TurnStart::in_next_round);
    CHECK(second->use_turn(2) == TurnStart::when_woken);
    CHECK(third.use_turn(2) == TurnStart::when_woken);
    CHECK(first.pause(3) == TurnStart::now);
    CHECK(second->is_woken());
    CHECK_FALSE(third.is_woken());
    second.reset();
    CHECK(third.is_woken());
}
