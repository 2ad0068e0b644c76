#include "balancer/connection_slot.h"
#include "balancer/pool_state.h"
#include "tests/catch.h"

#include <string>

using namespace weir::balancer;

namespace {

struct Named final : QueueEntry {
    Named(std::string& calls, char letter, int second) : calls_(calls), letter_(letter) {
        since = TimePoint() + std::chrono::seconds(second);
    }
    void call() override { calls_ += letter_; }
    void lead() override { leads += letter_; }
    std::string leads;
    std::string& calls_;
    char letter_;
};

struct QueueFixture {
    std::vector<std::pair<std::size_t, std::function<void()>>> posted;
    std::shared_ptr<PoolState> state = std::make_shared<PoolState>(
        2, [this](std::size_t worker, auto work) { posted.emplace_back(worker, std::move(work)); });
    std::string calls;
};

} // namespace

TEST_CASE("the queue is first come, first served, and bounded") {
    QueueFixture f;
    Named a(f.calls, 'a', 1), b(f.calls, 'b', 2), c(f.calls, 'c', 3);
    CHECK(f.state->join(0, a, 2));
    CHECK(f.state->join(0, b, 2));
    CHECK_FALSE(f.state->join(0, c, 2));
    CHECK(f.state->waiting() == 2);
    f.state->call_next(0);
    CHECK(f.calls == "a");
    f.state->leave(0, a);
    CHECK(f.state->join(0, c, 2));
    f.state->call_next(0);
    CHECK(f.calls == "ab");
    f.state->leave(0, c); // it was the last entry
    f.state->leave(0, b);
    CHECK(f.state->waiting() == 0);
    f.state->call_next(0);
    CHECK(f.calls == "ab");
}

TEST_CASE("the longest waiting entry is called, on whichever worker it is") {
    QueueFixture f;
    Named early(f.calls, 'e', 1), late(f.calls, 'l', 2);
    CHECK(f.state->join(1, early, 9));
    CHECK(f.state->join(0, late, 9));
    f.state->call_next(0);
    CHECK(f.calls.empty()); // it is called on its own thread
    REQUIRE(f.posted.size() == 1);
    CHECK(f.posted[0].first == 1);
    f.posted[0].second();
    CHECK(f.calls == "e");
    f.state->leave(1, early);
    f.state->call_next(1);
    CHECK(f.posted.at(1).first == 0);
    f.state->leave(0, late); // it leaves before it is called
    f.posted[1].second();
    CHECK(f.calls == "e");
}

TEST_CASE("the new first entry of a worker is signalled even without a free slot") {
    QueueFixture f;
    Named oldest(f.calls, 'o', 1), first(f.calls, 'f', 2), second(f.calls, 's', 3), third(f.calls, 't', 4);
    CHECK(f.state->join(1, oldest, 9)); // it waits on another worker, where calls go
    for (auto* waiter : {&first, &second, &third}) CHECK(f.state->join(0, *waiter, 9));
    f.state->leave(0, third); // it was the last entry, so the first one does not change
    CHECK(second.leads.empty());
    f.state->leave(0, first); // for example because it has timed out
    CHECK(second.leads == "s");
    f.state->leave(0, second);
    f.state->leave(1, oldest);
    CHECK(f.calls.empty());
}

TEST_CASE("a released slot calls the next entry and counts while it is held") {
    QueueFixture f;
    Backend backend("p", "b", {}, 2, f.state);
    Named waiter(f.calls, 'w', 1);
    REQUIRE(backend.take_slot(1));
    CHECK_FALSE(backend.take_slot(1));
    {
        ConnectionSlot seat(backend, 0, Limited::yes);
        CHECK(backend.total(&BackendCounters::active) == 1);
        CHECK(f.state->join(0, waiter, 1));
        ConnectionSlot moved(std::move(seat));
        CHECK(backend.total(&BackendCounters::active) == 1);
    }
    CHECK(f.calls == "w");
    CHECK(backend.total(&BackendCounters::active) == 0);
    CHECK(backend.take_slot(1));
    f.state->leave(0, waiter);
}
