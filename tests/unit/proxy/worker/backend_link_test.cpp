#include "balancer/registry.h"
#include "proxy/worker/backend_link.h"
#include "tests/catch.h"
#include "tests/fuzz/support/memory_io.h"

#include <string>
#include <vector>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t plenty = 1000;

// A user of connections.
class User final : public Waker {
public:
    void wake() override { ++woken; }

    int woken = 0;
};

class Bench {
public:
    Bench() { backend->set_verdict(balancer::Verdict::up); }
    ~Bench() { link->retire(); }

    BackendConnectionPtr open() {
        auto connection = link->make();
        wires.push_back(memory_io::make_wire());
        connection->stream.open(loop, UniqueFd(wires.back()), user);
        return connection;
    }
    std::vector<BackendConnectionPtr> open(std::size_t count) {
        std::vector<BackendConnectionPtr> connections(count);
        for (auto& connection : connections) connection = open();
        return connections;
    }
    void keep(BackendConnectionPtr connection, std::size_t max_idle = plenty, LoopClock::duration time = 1h) {
        link->release(std::move(connection), max_idle, loop.now() + time);
    }
    void pass(std::chrono::milliseconds time) { memory_io::run(loop, time); }
    memory_io::Wire& wire(std::size_t number) { return memory_io::wire(wires[number]); }
    std::size_t idle() const { return backend->total(&balancer::BackendCounters::idle); }
    std::size_t connections() const { return backend->total(&balancer::BackendCounters::connections); }

    EventLoop loop;
    User user;
    balancer::Registry registry{1};
    balancer::BackendPtr backend = registry.find_or_make("web", "b", conf::Endpoint::at_socket("/run/b.sock"));
    std::shared_ptr<BackendLink> link = std::make_shared<BackendLink>(loop, backend, 0);
    std::vector<int> wires; // in the order in which the connections were opened
};

} // namespace

TEST_CASE("the connection that was used last is used again first") {
    Bench bench;
    auto connections = bench.open(2);
    auto* const first = connections[0].get();
    auto* const second = connections[1].get();
    bench.keep(std::move(connections[0]));
    bench.keep(std::move(connections[1]));
    CHECK(bench.idle() == 2);
    const auto again = bench.link->acquire(nullptr, "");
    CHECK(again.get() == second);
    CHECK(bench.link->acquire(nullptr, "").get() == first);
    CHECK(bench.link->acquire(nullptr, "") == nullptr);
    CHECK(bench.idle() == 0);
}

TEST_CASE("an idle connection ends if the backend closes it or sends anything") {
    Bench bench;
    auto connections = bench.open(3);
    for (auto& connection : connections) bench.keep(std::move(connection));
    memory_io::end(bench.wire(0));
    CHECK(bench.idle() == 2);
    memory_io::arrive(bench.wire(1), "HTTP/1.1 408 Late\r\n\r\n");
    CHECK(bench.idle() == 1);
    memory_io::reset(bench.wire(2));
    CHECK(bench.idle() == 0);
    for (const std::size_t i : {0u, 1u, 2u}) CHECK(bench.wire(i).closed);
    CHECK(bench.connections() == 0);
}

TEST_CASE("an idle connection ends when its time is over") {
    Bench bench;
    bench.keep(bench.open(), plenty, 5s);
    bench.pass(4900ms);
    CHECK(bench.idle() == 1);
    bench.pass(200ms);
    CHECK(bench.idle() == 0);
    CHECK(bench.wire(0).closed);
    bench.keep(bench.open(), plenty, 0s);
    CHECK(bench.idle() == 0);
}

TEST_CASE("no unclean connection is kept, and none of a down or removed backend") {
    Bench bench;
    auto surplus = bench.open();
    BufferPool blocks(1024, 1);
    surplus->in = Buffer(blocks);
    surplus->in.append("behind the response");
    bench.keep(std::move(surplus));
    CHECK(bench.wire(0).closed);
    auto ended = bench.open();
    memory_io::end(bench.wire(1));
    bench.keep(std::move(ended));
    CHECK(bench.wire(1).closed);
    auto unread = bench.open();
    memory_io::arrive(bench.wire(2), "x");
    bench.keep(std::move(unread));
    CHECK(bench.wire(2).closed);
    bench.backend->set_verdict(balancer::Verdict::down);
    bench.keep(bench.open());
    CHECK(bench.wire(3).closed);
    bench.backend->set_verdict(balancer::Verdict::up);
    bench.link->retire();
    bench.keep(bench.open());
    CHECK(bench.wire(4).closed);
    CHECK(bench.connections() == 0);
}

TEST_CASE("max_idle bounds the idle connections, and the oldest goes first") {
    Bench bench;
    auto connections = bench.open(3);
    for (auto& connection : connections) bench.keep(std::move(connection), 2);
    CHECK(bench.idle() == 2);
    CHECK(bench.wire(0).closed);
    bench.keep(bench.open(), 0);
    CHECK(bench.wire(3).closed);
}

TEST_CASE("after a burst, surplus connections are closed two at a time") {
    Bench bench;
    auto connections = bench.open(10);
    for (auto& connection : connections) bench.keep(std::move(connection));
    CHECK(bench.idle() == 10);
    bench.pass(25s);
    bench.keep(bench.link->acquire(nullptr, ""));
    CHECK(bench.idle() == 10); // the burst is recent
    bench.pass(75s);
    for (const std::size_t left : {8u, 6u, 4u, 2u, 1u, 1u}) {
        bench.keep(bench.link->acquire(nullptr, ""));
        CHECK(bench.idle() == left);
    }
}

TEST_CASE("a cut ends connections in use and idle ones, or tunnels only") {
    Bench bench;
    auto used = bench.open(), tunnel = bench.open();
    tunnel->become_tunnel();
    bench.keep(bench.open());
    bench.link->cut_tunnels();
    CHECK(tunnel->is_cut());
    CHECK_FALSE(used->is_cut());
    CHECK(bench.idle() == 1);
    CHECK(bench.user.woken == 1);
    bench.link->cut_all();
    CHECK(used->is_cut());
    CHECK(bench.idle() == 0);
    CHECK(bench.user.woken == 2); // the tunnel's user was woken before
}
