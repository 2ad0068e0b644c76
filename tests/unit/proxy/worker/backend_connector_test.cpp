#include "proxy/worker/backend_connector.h"
#include "tests/catch.h"
#include "tests/fuzz/support/memory_worker.h"

#include <cerrno>
#include <optional>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

conf::Config web() {
    conf::Config config;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    pool.backends.push_back({"1", *conf::Address::parse("10.0.0.1:80")});
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

// One client that needs a connection to the only backend.
class Bench {
public:
    Bench() { client.stream.open(worker.loop, UniqueFd(memory_io::make_wire()), client.fiber); }
    ~Bench() {
        memory_io::fail_connects(0);
        worker.forget_idle();
    }

    BackendLink& link() { return worker.view->pools[0]->link(0); }
    void keep_one() {
        auto connection = link().make();
        connection->stream.open(worker.loop, UniqueFd(memory_io::make_wire()), client.fiber);
        link().release(std::move(connection), 10, worker.loop.now() + 1h);
    }
    BackendConnectionPtr acquire(ConnectionUse use) { return connector(use).acquire(link()); }
    void connect(ConnectionUse use, OnShortage on_shortage = OnShortage::wait) {
        use_ = use;
        on_shortage_ = on_shortage;
        spawn(this);
    }
    Task<> run() {
        const auto own = connector(use_);
        connected = co_await own.connect(link());
    }

    memory_io::MemoryWorker worker{web()};
    Client client{worker, worker.listener(), conf::Address()};
    std::optional<Connected> connected;

private:
    BackendConnector connector(ConnectionUse use) {
        return {client, 1s, use, settings_for(*worker.view->pools[0]->spec, 0, client.source.address), on_shortage_};
    }

    ConnectionUse use_ = ConnectionUse::request;
    OnShortage on_shortage_ = OnShortage::wait;
};

} // namespace

TEST_CASE("a kept connection is taken, unless a new one is needed") {
    Bench bench;
    CHECK(bench.acquire(ConnectionUse::any_request) == nullptr);
    bench.keep_one();
    CHECK(bench.acquire(ConnectionUse::request) == nullptr);
    CHECK(bench.acquire(ConnectionUse::tunnel) == nullptr);
    CHECK(bench.acquire(ConnectionUse::any_request) != nullptr);
}

TEST_CASE("a new connection was timed, and a tunnel is one from the start") {
    Bench bench;
    bench.connect(ConnectionUse::request);
    REQUIRE(bench.connected);
    CHECK(bench.connected->connection != nullptr);
    CHECK_FALSE(bench.connected->failure);
    CHECK(bench.connected->took == 0s);
    bench.link().cut_tunnels();
    CHECK_FALSE(bench.connected->connection->is_cut());
    bench.connect(ConnectionUse::tunnel);
    bench.link().cut_tunnels();
    CHECK(bench.connected->connection->is_cut());
}

TEST_CASE("a shortage costs idle connections and time, unless connecting gives up") {
    Bench bench;
    bench.keep_one();
    memory_io::fail_connects(EMFILE);
    bench.connect(ConnectionUse::request, OnShortage::give_up);
    REQUIRE(bench.connected);
    CHECK(bench.connected->failure.reason == FailureReason::resource_exhausted);
    auto kept = bench.acquire(ConnectionUse::any_request);
    CHECK(kept != nullptr);
    kept.reset();
    bench.keep_one();
    bench.connected.reset();
    bench.connect(ConnectionUse::request);
    CHECK_FALSE(bench.connected);
    CHECK(bench.acquire(ConnectionUse::any_request) == nullptr);
    memory_io::fail_connects(0);
    memory_io::run(bench.worker.loop, 200ms);
    REQUIRE(bench.connected);
    CHECK(bench.connected->connection != nullptr);
}

TEST_CASE("a client that left is told apart from one that a drain ended") {
    Bench bench;
    CHECK(client_left(bench.client).reason == FailureReason::client_closed);
    bench.client.aborted = true;
    CHECK(client_left(bench.client).reason == FailureReason::drained);
}

TEST_CASE("a shortage of this machine stops a request, other failures do not") {
    CHECK(is_hopeless(FailureReason::resource_exhausted));
    CHECK(is_hopeless(FailureReason::client_closed));
    CHECK(is_hopeless(FailureReason::drained));
    CHECK_FALSE(is_hopeless(FailureReason::connect_refused));
    CHECK_FALSE(is_hopeless(FailureReason::connect_timeout));
    CHECK_FALSE(is_hopeless(FailureReason::backend_removed));
}
