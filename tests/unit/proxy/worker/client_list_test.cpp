#include "proxy/worker/client_list.h"
#include "tests/catch.h"

#include <memory>
#include <vector>

using namespace weir::proxy;

namespace {

class Events final : public WorkerEvents {
public:
    void on_client_left() override { ++left; }
    void on_errors(const weir::balancer::BackendPtr&) override {}

    int left = 0;
};

class Bench {
public:
    // A connection ends when it is aborted.
    class Connection final : public ClientConnection {
    public:
        explicit Connection(Bench& bench) : bench_(bench) { bench_.list.add(*this); }
        ~Connection() override { bench_.list.remove(*this); }
        void drain() override { ++bench_.drained; }
        void abort() override { delete this; }
        void cut(const TrafficPath&) override {}
        void add_work(OpenWork&) const override {}

    private:
        Bench& bench_;
    };

    Events events;
    ClientList list{events};
    int drained = 0;
};

} // namespace

TEST_CASE("a list of clients visits each of them, and knows how many are left") {
    Bench bench;
    auto first = std::make_unique<Bench::Connection>(bench), second = std::make_unique<Bench::Connection>(bench),
         third = std::make_unique<Bench::Connection>(bench);
    bench.list.for_each([](ClientConnection& client) { client.drain(); });
    CHECK(bench.drained == 3);
    second.reset();
    CHECK(bench.list.size() == 2);
    CHECK(bench.events.left == 1);
    third.reset();
    first.reset();
    CHECK(bench.list.size() == 0);
    CHECK(bench.events.left == 3);
}

TEST_CASE("a client may end while the list visits it") {
    Bench bench;
    for (int i = 0; i < 3; ++i) new Bench::Connection(bench); // each deletes itself
    bench.list.for_each([](ClientConnection& client) { client.abort(); });
    CHECK(bench.list.size() == 0);
    CHECK(bench.events.left == 3);
}
