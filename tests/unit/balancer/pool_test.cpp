#include "balancer/pool.h"
#include "balancer/registry.h"
#include "tests/catch.h"

#include <map>

using namespace weir::balancer;
using weir::conf::Address;
using weir::conf::AdminState;

namespace {

const TimePoint start = TimePoint() + std::chrono::hours(1);

struct Fixture {
    Registry registry{1};
    std::vector<BackendPtr> backends;

    explicit Fixture(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            backends.push_back(registry.find_or_make("p", "b" + std::to_string(i),
                                                     *Address::parse("127.0.0.1:" + std::to_string(i + 1))));
            backends.back()->set_verdict(Verdict::up);
        }
    }
    Pool pool() const {
        std::vector<Member> members;
        for (const auto& backend : backends) members.push_back({backend});
        return make_pool(std::move(members));
    }
    static Pool make_pool(std::vector<Member> members, PoolSettings settings = {}) {
        std::vector<Entry> entries;
        for (const auto& member : members) entries.push_back({member.backend->name(), member.weight});
        settings.make = prepare_algorithm(settings.algorithm, entries);
        return Pool(std::move(settings), std::move(members));
    }
};

// Returns the chosen member, or -1 if there is none.
int chosen(Pool& pool, std::span<const std::size_t> tried = {}, TimePoint now = start) {
    const auto choice = pool.choose({tried, now});
    return choice.outcome == Choice::Outcome::chosen ? static_cast<int>(choice.member) : -1;
}

std::map<int, int> choose_many(Pool& pool, int count, TimePoint now = start) {
    std::map<int, int> got;
    for (int i = 0; i < count; ++i)
        if (const int member = chosen(pool, {}, now); member >= 0) ++got[member];
    return got;
}

} // namespace

TEST_CASE("only healthy members are chosen while there is one") {
    Fixture f(3);
    auto pool = f.pool();
    f.backends[1]->set_verdict(Verdict::down);
    f.backends[2]->set_verdict(Verdict::unknown);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{0, 10}});
    f.backends[0]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{2, 10}}); // a backend of unknown health is better than none
    f.backends[2]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10).empty());
}

TEST_CASE("a drained member gets nothing, even alone") {
    Fixture f(2);
    auto pool = f.make_pool({{f.backends[0], 1, AdminState::drain}, {f.backends[1], 1, AdminState::maint}});
    CHECK(pool.choose({{}, start}).outcome == Choice::Outcome::none);
}

TEST_CASE("a member that was tried is not tried again") {
    Fixture f(2);
    auto pool = f.pool();
    const std::size_t tried[] = {0};
    for (int i = 0; i < 4; ++i) CHECK(chosen(pool, tried) == 1);
    const std::size_t both[] = {0, 1};
    CHECK(chosen(pool, both) == -1);
}

TEST_CASE("a member that refused a connection is avoided for a second") {
    // It is still chosen if no other member is up.
    Fixture f(2);
    auto pool = f.pool();
    pool.note_connect_failure(0, start);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{1, 10}});
    CHECK(choose_many(pool, 10, start + std::chrono::seconds(1)).at(0) > 0);
    pool.note_connect_failure(0, start);
    f.backends[1]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{0, 10}});
}

TEST_CASE("a new pool takes over positions by backend, not by index") {
    Fixture f(3);
    auto old = f.pool();
    CHECK(chosen(old) == 0);
    CHECK(chosen(old) == 1);
    auto next = f.make_pool({{f.backends[2]}, {f.backends[1]}, {f.backends[0]}});
    next.adopt(old);
    CHECK(chosen(next) == 0); // it is the third backend's turn, wherever that is listed
}

TEST_CASE("the registry finds backends by pool, name and address") {
    Registry registry(2);
    const auto address = *Address::parse("127.0.0.1:1");
    auto backend = registry.find_or_make("p", "x", address);
    CHECK(registry.find_or_make("p", "x", address) == backend);
    CHECK(registry.find_or_make("q", "x", address) != backend);
    CHECK(registry.find_or_make("p", "y", address) != backend);
    backend->set_verdict(Verdict::down);
    backend.reset();
    registry.prune();
    CHECK(registry.find_or_make("p", "x", address)->verdict() == Verdict::unknown);
}

TEST_CASE("backups serve only if no other backend is healthy") {
    // Backups are chosen before backends of unknown health.
    Fixture f(4);
    auto pool =
        f.make_pool({{f.backends[0]}, {f.backends[1]}, {.backend = f.backends[2], .backup = true}, {f.backends[3]}});
    f.backends[3]->set_verdict(Verdict::unknown);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{0, 5}, {1, 5}});
    f.backends[0]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{1, 10}});
    f.backends[1]->set_ejection(Ejection::ejected);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{2, 10}});
    f.backends[2]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{3, 10}});
    f.backends[0]->set_verdict(Verdict::up);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{0, 10}});
}

TEST_CASE("a member never has more requests than its limit") {
    // Backups do not take the surplus requests.
    Fixture f(3);
    auto pool = f.make_pool({{.backend = f.backends[0], .max_connections = 2},
                             {.backend = f.backends[1], .max_connections = 1},
                             {.backend = f.backends[2], .backup = true}});
    std::vector<Choice> held;
    for (int i = 0; i < 3; ++i) {
        held.push_back(pool.choose({{}, start}));
        REQUIRE(held.back().outcome == Choice::Outcome::chosen);
    }
    CHECK(f.backends[0]->total(&BackendCounters::active) == 2);
    CHECK(f.backends[1]->total(&BackendCounters::active) == 1);
    CHECK(pool.choose({{}, start}).outcome == Choice::Outcome::full);
    const auto freed = held.back().member;
    held.pop_back();
    const auto next = pool.choose({{}, start});
    CHECK(next.outcome == Choice::Outcome::chosen);
    CHECK(next.member == freed);
    f.backends[0]->set_verdict(Verdict::down);
    f.backends[1]->set_verdict(Verdict::down);
    CHECK(pool.choose({{}, start}).member == 2);
}

TEST_CASE("a client stays with its pinned backend while it drains, not once out") {
    Fixture f(3);
    auto pool = f.make_pool({{f.backends[0]}, {f.backends[1], 1, AdminState::drain}, {f.backends[2]}});
    for (int i = 0; i < 5; ++i) CHECK(pool.choose({{}, start, std::nullopt, 1}).member == 1);
    CHECK_FALSE(choose_many(pool, 10).contains(1)); // it gets no new clients
    const std::size_t tried[] = {1};
    CHECK(pool.choose({tried, start, std::nullopt, 1}).member != 1);
    f.backends[1]->set_ejection(Ejection::ejected);
    CHECK(pool.choose({{}, start, std::nullopt, 1}).member != 1);
    f.backends[1]->set_ejection(Ejection::none);
    f.backends[1]->set_verdict(Verdict::down);
    CHECK(pool.choose({{}, start, std::nullopt, 1}).member != 1);
    auto closed = f.make_pool({{f.backends[0]}, {f.backends[2], 1, AdminState::maint}});
    CHECK(closed.choose({{}, start, std::nullopt, 1}).member == 0);
}

TEST_CASE("panic mode selects every member that the operator has not taken out") {
    Fixture f(5);
    PoolSettings settings;
    settings.panic_threshold.value = 50;
    std::vector<Member> members;
    for (const auto& backend : f.backends) members.push_back({backend});
    members[4].state = AdminState::maint;
    auto pool = f.make_pool(members, settings);
    f.backends[0]->set_verdict(Verdict::down);
    f.backends[1]->set_ejection(Ejection::ejected);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{2, 5}, {3, 5}}); // half is not below the threshold
    f.backends[2]->set_verdict(Verdict::unknown);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{3, 10}}); // an unknown verdict does not count as sick
    f.backends[2]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 40) == std::map<int, int>{{0, 10}, {1, 10}, {2, 10}, {3, 10}});
    f.backends[2]->set_verdict(Verdict::up);
    CHECK(choose_many(pool, 10) == std::map<int, int>{{2, 5}, {3, 5}}); // panic ends automatically
}

TEST_CASE("a healthy backup, or no threshold, means no panic") {
    Fixture f(3);
    PoolSettings settings;
    settings.panic_threshold.value = 100;
    auto pool = f.make_pool({{f.backends[0]}, {f.backends[1]}, {.backend = f.backends[2], .backup = true}}, settings);
    f.backends[0]->set_verdict(Verdict::down);
    f.backends[1]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 6) == std::map<int, int>{{2, 6}});
    f.backends[2]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 6) == std::map<int, int>{{0, 3}, {1, 3}});
    auto calm = f.make_pool({{f.backends[0]}, {f.backends[1]}});
    CHECK(choose_many(calm, 6).empty());
}

TEST_CASE("a backend that comes back grows from a tenth of its share to all of it") {
    Fixture f(2);
    PoolSettings settings;
    settings.slow_start = std::chrono::seconds(100);
    auto pool = f.make_pool({{f.backends[0]}, {f.backends[1]}}, settings);
    CHECK(choose_many(pool, 1000)[1] == 500);
    f.backends[1]->set_ramp_start(start);
    struct Step {
        int seconds;
        double share;
    };
    for (const auto [seconds, share] :
         {Step{0, 10.0 / 110}, {50, 55.0 / 155}, {90, 91.0 / 191}, {100, 0.5}, {999, 0.5}})
        CHECK(choose_many(pool, 2000, start + std::chrono::seconds(seconds))[1] == Approx(2000 * share).margin(4));
}

TEST_CASE("a choice sees at once what health has written, whatever picture it had") {
    Fixture f(2);
    auto pool = f.pool();
    CHECK(choose_many(pool, 4) == std::map<int, int>{{0, 2}, {1, 2}});
    f.backends[0]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 4) == std::map<int, int>{{1, 4}});
    f.backends[0]->set_verdict(Verdict::up);
    CHECK(choose_many(pool, 4) == std::map<int, int>{{0, 2}, {1, 2}});
}

namespace {

// An algorithm that takes the first eligible candidate and counts how often it is called.
class CountingAlgorithm final : public Algorithm {
public:
    struct Calls {
        int choices = 0, refreshes = 0;
    };
    explicit CountingAlgorithm(Calls& calls) : calls_(calls) {}

    std::size_t choose(std::span<const Candidate> candidates, const SelectionContext&) override {
        ++calls_.choices;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (candidates[i].eligible) return i;
        return 0;
    }
    void refresh(std::span<const Candidate>) override { ++calls_.refreshes; }

private:
    Calls& calls_;
};

} // namespace

TEST_CASE("a choice from 400 full backends costs a few passes over them") {
    // It must not make one pass for each backend.
    Fixture f(400);
    CountingAlgorithm::Calls calls;
    PoolSettings settings;
    settings.make = [&calls] { return std::make_unique<CountingAlgorithm>(calls); };
    std::vector<Member> members;
    for (const auto& backend : f.backends) members.push_back({.backend = backend, .max_connections = 1});
    Pool pool(settings, members);
    std::vector<Choice> held;
    for (std::size_t i = 0; i < members.size(); ++i) {
        calls = {};
        held.push_back(pool.choose({{}, start}));
        REQUIRE(held.back().outcome == Choice::Outcome::chosen);
        REQUIRE(held.back().member == i); // the first with a free slot
        REQUIRE(calls.choices <= 2);
        REQUIRE(calls.refreshes <= 2);
    }
    calls = {};
    CHECK(pool.choose({{}, start}).outcome == Choice::Outcome::full);
    CHECK(calls.choices == 1);
    CHECK(calls.refreshes <= 1);
    held[137] = {Choice::Outcome::none}; // its request ends
    const auto next = pool.choose({{}, start});
    CHECK(next.outcome == Choice::Outcome::chosen);
    CHECK(next.member == 137);
}
