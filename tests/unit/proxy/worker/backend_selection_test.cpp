#include "proxy/worker/backend_selection.h"
#include "tests/catch.h"
#include "tests/fuzz/support/memory_worker.h"

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using Outcome = Selection::Outcome;

namespace {

conf::Config web(const std::vector<std::string>& backends, std::uint32_t max_connections = 0,
                 std::optional<conf::Queue> queue = {}) {
    conf::Config config;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    pool.queue = queue;
    for (const auto& name : backends) {
        pool.backends.push_back({name, *conf::Address::parse("10.0.0.1:" + name)});
        pool.backends.back().max_connections = max_connections;
    }
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

// One client that needs a backend.
class Asker final : private PoolUser {
public:
    explicit Asker(memory_io::MemoryWorker& worker)
        : wire_(memory_io::make_wire()), client_(worker, worker.listener(), conf::Address()), selection(client_, this) {
        client_.stream.open(worker.loop, UniqueFd(wire_), client_.fiber);
        selection.begin(worker.view, *worker.view->pools[0]);
    }

    Outcome ask() {
        turn = selection.try_select();
        return turn->outcome;
    }
    void wait() {
        turn.reset();
        spawn(this);
    }
    Task<> run() { turn = co_await selection.wait_for_slot(); }
    // Returns how the wait ended; unset while it lasts.
    std::optional<Outcome> outcome() const { return turn ? std::optional(turn->outcome) : std::nullopt; }
    std::string name() const { return selection.pool().spec->members[turn->member].backend->name(); }
    void leave() { memory_io::reset(memory_io::wire(wire_)); }

private:
    void on_pool_changed() override { ++changes; }

    int wire_;
    Client client_;

public:
    BackendSelection selection;
    std::optional<Selection> turn;
    int changes = 0;
};

class Bench {
public:
    explicit Bench(const conf::Config& config) : worker((memory_io::clear(), config)) {}

    Asker& asker() { return askers_.emplace_back(worker); }
    void pass(std::chrono::milliseconds time = {}) { memory_io::run(worker.loop, time); }

    memory_io::MemoryWorker worker;

private:
    std::deque<Asker> askers_;
};

} // namespace

TEST_CASE("each try goes to another backend, until none is left") {
    Bench bench(web({"1", "2", "3"}));
    auto& asker = bench.asker();
    std::set<std::string> names;
    while (asker.ask() == Outcome::chosen) names.insert(asker.name());
    CHECK(names.size() == 3);
    CHECK(asker.outcome() == Outcome::none);
    CHECK(asker.selection.tries() == 3);
}

TEST_CASE("a retry is taken from the budget only if another backend is left") {
    Bench bench(web({"1", "2"}));
    auto& asker = bench.asker();
    auto& counters = bench.worker.counters;
    REQUIRE(asker.ask() == Outcome::chosen);
    CHECK_FALSE(asker.selection.may_try_again({.attempts = 1, .budget = {20}}));
    CHECK_FALSE(asker.selection.may_try_again({.attempts = 3, .budget = {0}}));
    CHECK(counters.retries_refused.read() == 1); // only the budget's refusal counts
    CHECK(asker.selection.may_try_again({.attempts = 3, .budget = {20}}));
    REQUIRE(asker.ask() == Outcome::chosen);
    CHECK_FALSE(asker.selection.may_try_again({.attempts = 3, .budget = {20}}));
    CHECK(counters.retries_refused.read() == 1);
}

TEST_CASE("a client leaves its pinned backend only while it is full or was tried") {
    Bench bench(web({"1", "2"}, 1));
    auto &first = bench.asker(), &second = bench.asker(), &third = bench.asker();
    for (auto* asker : {&first, &second, &third}) asker->selection.go_by({}, 1);
    CHECK(first.ask() == Outcome::chosen);
    CHECK(first.name() == "2");
    CHECK(second.ask() == Outcome::chosen);
    CHECK(second.name() == "1");
    CHECK(third.ask() == Outcome::full);
    first.turn->seat.leave();
    CHECK(third.ask() == Outcome::chosen);
    CHECK(third.name() == "2");
}

TEST_CASE("clients that wait for a slot get it in the order in which they came") {
    Bench bench(web({"1"}, 1, conf::Queue{10, 5s}));
    auto &first = bench.asker(), &second = bench.asker(), &third = bench.asker();
    CHECK(first.ask() == Outcome::chosen);
    second.wait();
    third.wait();
    CHECK_FALSE(second.outcome());
    auto& fourth = bench.asker();
    CHECK(fourth.ask() == Outcome::full); // it does not overtake waiting entries
    first.turn->seat.leave();
    bench.pass();
    CHECK(second.outcome() == Outcome::chosen);
    CHECK_FALSE(third.outcome());
    second.turn->seat.leave();
    bench.pass();
    CHECK(third.outcome() == Outcome::chosen);
}

TEST_CASE("a client that times out or leaves does not block the next from a slot") {
    Bench bench(web({"1"}, 1, conf::Queue{10, 5s}));
    auto &first = bench.asker(), &late = bench.asker(), &gone = bench.asker(), &last = bench.asker();
    CHECK(first.ask() == Outcome::chosen);
    late.wait();
    for (int i = 0; i < 40; ++i) bench.pass(100ms);
    gone.wait();
    last.wait();
    for (int i = 0; i < 11; ++i) bench.pass(100ms);
    CHECK(late.outcome() == Outcome::late);
    gone.leave();
    bench.pass();
    CHECK(gone.outcome() == Outcome::client_gone);
    CHECK_FALSE(last.outcome());
    first.turn->seat.leave();
    bench.pass();
    CHECK(last.outcome() == Outcome::chosen);
}

TEST_CASE("a queue that is full, or that a pool does not have, is not waited in") {
    Bench bench(web({"1"}, 1, conf::Queue{1, 5s}));
    auto &first = bench.asker(), &second = bench.asker(), &third = bench.asker();
    CHECK(first.ask() == Outcome::chosen);
    second.wait();
    third.wait();
    CHECK_FALSE(second.outcome());
    CHECK(third.outcome() == Outcome::full);
    second.leave();
    bench.worker.reload(web({"1"}, 1));
    auto& fourth = bench.asker();
    fourth.wait();
    CHECK(fourth.outcome() == Outcome::full);
}

TEST_CASE("a client that waits gets a slot of a backend that a reload brings") {
    Bench bench(web({"1"}, 1, conf::Queue{10, 5s}));
    auto &first = bench.asker(), &second = bench.asker();
    CHECK(first.ask() == Outcome::chosen);
    second.wait();
    bench.worker.reload(web({"2", "1"}, 1, conf::Queue{10, 5s}));
    bench.pass(100ms);
    CHECK(second.outcome() == Outcome::chosen);
    CHECK(second.name() == "2");
    CHECK(second.changes == 1);
}

TEST_CASE("tried backends stay tried after a reload, at any place in the new pool") {
    Bench bench(web({"1", "2"}));
    auto& asker = bench.asker();
    CHECK(asker.ask() == Outcome::chosen);
    const auto tried = asker.name();
    bench.worker.reload(web({"3", "2", "1"}));
    asker.selection.go_by({}, 0);
    std::set<std::string> names;
    while (asker.ask() == Outcome::chosen) names.insert(asker.name());
    CHECK(names == std::set<std::string>{"3", tried == "1" ? "2" : "1"});
    CHECK(asker.changes == 1);
    CHECK_FALSE(asker.selection.home()); // it was a number in the old pool; its owner must find it again
    CHECK(asker.selection.tries() == 3);
}

TEST_CASE("a selection in a pool that a reload removes continues in it") {
    Bench bench(web({"1", "2"}));
    auto& asker = bench.asker();
    CHECK(asker.ask() == Outcome::chosen);
    auto config = web({"3"});
    config.pools[0].name = config.listeners[0].pool = "other";
    bench.worker.reload(config);
    CHECK(asker.ask() == Outcome::chosen);
    CHECK(asker.name() != "3");
    CHECK(asker.changes == 0);
}
