#include "health/monitor/health_checker.h"
#include "tests/catch.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <memory>
#include <optional>

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// A responder whose every answer the test gives itself.
class Responder {
public:
    Responder() : acceptor_(*context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        acceptor_.non_blocking(true);
        const auto text = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
        backend = std::make_shared<balancer::Backend>("web", text, *conf::Address::parse(text), 1,
                                                      std::make_shared<balancer::PoolState>(1, nullptr));
        monitor = std::make_unique<HealthChecker>(*context, [](const auto&, auto, const auto&) {});
    }

    static conf::HealthCheck check(std::uint32_t rise, conf::CheckType type) {
        conf::HealthCheck check;
        check.type = type;
        check.interval = 10ms;
        check.timeout = 5s;
        check.fall = 100'000; // its deadline is a matter of heartbeat_test.cpp
        check.rise = rise;
        return check;
    }

    void watch(std::uint32_t rise, conf::CheckType type = conf::CheckType::heartbeat) {
        monitor->watch({{backend, check(rise, type)}});
    }

    bool accept() {
        boost::system::error_code error;
        tcp::socket next(*context);
        acceptor_.accept(next, error);
        if (error) return false;
        next.non_blocking(true);
        asked = std::move(next);
        return true;
    }

    // Whether weir has closed the connection of the heartbeat.
    bool is_closed() {
        char bytes[64];
        boost::system::error_code error;
        while (!error) asked->read_some(asio::buffer(bytes), error);
        return error != asio::error::would_block;
    }

    void run_until(const std::function<bool()>& condition) {
        const auto limit = std::chrono::steady_clock::now() + 30s;
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < limit);
            context->restart();
            context->run_for(1ms);
        }
    }

    std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
    balancer::BackendPtr backend;
    std::unique_ptr<HealthChecker> monitor;
    std::optional<tcp::socket> asked;

private:
    tcp::acceptor acceptor_;
};

} // namespace

TEST_CASE("a heartbeat that is outstanding outlives a reload that keeps the check") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    responder.watch(1);
    CHECK_FALSE(responder.is_closed());
    asio::write(*responder.asked, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
    responder.run_until([&] { return responder.accept(); }); // and the next one goes out
    CHECK(responder.monitor->find(*responder.backend)->last_check->result == "OK");
}

TEST_CASE("a heartbeat that is outstanding is the first of a check with other numbers, for the same responder") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    responder.watch(7);
    responder.context->restart();
    responder.context->run_for(50ms); // several intervals
    CHECK_FALSE(responder.is_closed());
    tcp::socket first = std::move(*responder.asked);
    CHECK_FALSE(responder.accept()); // no other one is asked
    asio::write(first, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
    CHECK(responder.monitor->find(*responder.backend)->progress == Progress{1, 0});
    responder.run_until([&] { return responder.accept(); });
}

TEST_CASE("a check with other numbers goes on from a pause between two heartbeats as well") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    asio::write(*responder.asked, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
    responder.watch(7);
    responder.run_until([&] { return responder.accept(); });
    asio::write(*responder.asked, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.monitor->find(*responder.backend)->progress == Progress{1, 0}; });
}

TEST_CASE("a heartbeat that is outstanding ends at once with its check, and says nothing any more") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    SECTION("another check takes its place") {
        responder.watch(1, conf::CheckType::tcp);
        responder.run_until([&] { return responder.is_closed(); });
        responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
        CHECK(responder.monitor->find(*responder.backend)->last_check->result == "connected");
    }
    SECTION("the backend leaves") {
        responder.monitor->stop();
        responder.run_until([&] { return responder.is_closed(); });
        CHECK(responder.backend->verdict() == Verdict::unknown);
    }
}

TEST_CASE("a process may end while a heartbeat is outstanding") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    SECTION("with its monitor first") { responder.monitor.reset(); }
    SECTION("after a turn of the event loop") {
        responder.monitor.reset();
        responder.context->restart();
        responder.context->run_for(10ms);
    }
}
