// The work of choosing among n backends is at most proportional to n, and so is the work for n waiting clients
// together. Finding a route among many costs little more than if there is only one.
#include "conf/model/scalar.h"
#include "tests/catch.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/work/counter.h"
#include "tests/work/exchanges.h"

#include <algorithm>
#include <vector>

using namespace weir;
using namespace weir::work;

namespace {

const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nCookie: key=1\r\n\r\n";
const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A worker whose clients stay until the end.
class Crowd {
public:
    explicit Crowd(const conf::Config& config) : worker_((memory_io::clear(), config)) {}
    ~Crowd() {
        for (auto* client : clients_) memory_io::reset(*client);
        memory_io::run(worker_.loop, std::chrono::minutes(2)); // longer than any timeout
        worker_.forget_idle();
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    void ask(std::size_t times = 1) {
        while (times-- > 0) {
            clients_.push_back(&memory_io::wire(worker_.connect_client()));
            memory_io::arrive(*clients_.back(), request);
            memory_io::run(worker_.loop);
        }
    }
    void pass(std::chrono::milliseconds time) { memory_io::run(worker_.loop, time); }

    // Lets backends answer, one after the other, until no request waits for an answer.
    void answer_all() {
        for (std::size_t i = 0; i < memory_io::connected().size(); ++i) {
            auto& backend = memory_io::wire(memory_io::connected()[i]);
            for (std::size_t seen = 0; backend.sent.size() > seen;) {
                seen = backend.sent.size();
                memory_io::arrive(backend, response);
                memory_io::run(worker_.loop);
            }
        }
    }
    std::size_t count(std::string_view status) const {
        return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(), [&](const auto* client) {
            return std::string_view(client->sent).starts_with("HTTP/1.1 " + std::string(status));
        }));
    }
    const std::vector<memory_io::Wire*>& clients() const { return clients_; }

private:
    memory_io::MemoryWorker worker_;
    std::vector<memory_io::Wire*> clients_;
};

conf::Config pool_of(std::size_t backends, std::uint32_t max_connections, conf::Algorithm algorithm) {
    auto config = plain_config();
    auto& pool = config.pools[0];
    pool.algorithm = algorithm;
    pool.hash = {conf::HashOn::cookie, "key"};
    pool.backends.clear();
    add_backends(pool, backends);
    for (auto& backend : pool.backends) backend.max_connections = max_connections;
    return config;
}

conf::Route make_route(std::size_t number, std::string host, std::string prefix) {
    conf::Route route;
    route.name = std::to_string(number);
    route.pool = "web";
    if (!host.empty()) route.match.hosts.push_back(std::move(host));
    route.match.path_prefix = std::move(prefix);
    return route;
}

} // namespace

// Generous limits: the steps per backend, and the other steps of a request.
constexpr std::uint64_t steps_each = 200, steps_besides = 20'000;

TEST_CASE("a request to a full pool costs as much as the pool has backends") {
    // This holds if all backends are full, or all but one.
    for (const auto& algorithm : conf::Words<conf::Algorithm>::all)
        for (const std::size_t backends : {400u, 1600u})
            for (const std::size_t free : {0u, 1u}) {
                Crowd crowd(pool_of(backends, 1, *algorithm.value));
                crowd.ask(backends - free);
                const auto steps = steps_of([&] { crowd.ask(); });
                INFO(algorithm.text << ", " << backends << " backends, " << free << " free");
                CHECK(crowd.count("503") == 1 - free);
                CHECK(steps > backends);
                CHECK(steps <= steps_each * backends + steps_besides);
            }
}

TEST_CASE("queued clients cost as much as there are of them") {
    // This holds whether they get a slot, leave or time out.
    const auto queued = [](std::size_t n) {
        auto config = pool_of(2, 1, conf::Algorithm::round_robin);
        config.pools[0].queue = conf::Queue{static_cast<std::uint32_t>(n), std::chrono::seconds(5)};
        return config;
    };
    check_linear(200, [&](std::size_t n) { // they get a slot
        Crowd crowd(queued(n));
        const auto steps = steps_of([&] {
            crowd.ask(n);
            crowd.answer_all();
        });
        CHECK(crowd.count("200") == n);
        return steps;
    });
    for (const bool first_ones_first : {true, false})
        check_linear(200, [&](std::size_t n) { // they leave
            Crowd crowd(queued(n));
            return steps_of([&] {
                crowd.ask(n);
                auto clients = crowd.clients();
                if (!first_ones_first) std::reverse(clients.begin(), clients.end());
                for (auto* client : clients) memory_io::reset(*client);
                crowd.pass(std::chrono::milliseconds(100));
            });
        });
    check_linear(200, [&](std::size_t n) { // they time out
        Crowd crowd(queued(n));
        const auto steps = steps_of([&] {
            crowd.ask(n);
            for (int i = 0; i < 60; ++i) crowd.pass(std::chrono::milliseconds(100));
        });
        CHECK(crowd.count("503") == n - 2);
        return steps;
    });
}

TEST_CASE("a route among many hosts and prefixes costs hardly more than one alone") {
    const auto work = [](std::size_t routes, auto route_of, const std::string& host, const std::string& path) {
        auto config = plain_config();
        for (std::size_t i = 0; i < routes; ++i) config.routes.push_back(route_of(i));
        Talk talk;
        talk.requests = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
        return work_of(config, talk);
    };
    const auto number = [](std::size_t i) { return std::to_string(10000 + i); };
    const auto by_host = [&](std::size_t i) { return make_route(i, "h" + number(i) + ".example.com", "/"); };
    const auto by_wildcard = [&](std::size_t i) { return make_route(i, "*.h" + number(i) + ".example.com", "/"); };
    const auto by_prefix = [&](std::size_t i) { return make_route(i, "", "/p" + number(i) + "/"); };
    for (const auto* which : {"10000", "10007", "20000", "x"}) {
        const std::string host = "h" + std::string(which) + ".example.com";
        check_sublinear(200, [&](std::size_t n) { return work(n, by_host, host, "/"); });
        check_sublinear(200, [&](std::size_t n) { return work(n, by_wildcard, "a." + host, "/"); });
        check_sublinear(200, [&](std::size_t n) { return work(n, by_prefix, "a", "/p" + std::string(which) + "/x"); });
    }
}

TEST_CASE("a long path costs as much as its bytes, whatever routes share them") {
    check_linear(200, [](std::size_t n) {
        auto config = plain_config();
        for (std::size_t i = 1; i <= 100; ++i) config.routes.push_back(make_route(i, "", repeat("/..", i)));
        Talk talk;
        talk.requests = "GET " + repeat("/..", 100 * n) + " HTTP/1.1\r\nHost: a\r\n\r\n";
        return work_of(config, talk);
    });
}
