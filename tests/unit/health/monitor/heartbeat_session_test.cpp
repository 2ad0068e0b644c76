#include "health/monitor/health_checker.h"
#include "tests/catch.h"
#include "tests/support/probed_backend.h"
#include "tests/support/verdict_log.h"

#include <boost/asio/write.hpp>

#include <memory>
#include <optional>

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace asio = boost::asio;

namespace {

// A responder whose heartbeats the test answers.
class Responder : public tests::ProbedBackend {
public:
    static conf::HealthCheck check(std::uint32_t rise, conf::CheckType type) {
        conf::HealthCheck check;
        check.type = type;
        check.interval = 10ms;
        check.timeout = 10min; // longer than `run_until` waits
        check.fall = 100'000;  // heartbeat_test.cpp tests the deadline
        check.rise = rise;
        return check;
    }

    void watch(std::uint32_t rise, conf::CheckType type = conf::CheckType::heartbeat) {
        checker->watch({{backend, check(rise, type)}});
    }

    // Accepts a heartbeat, if one has come.
    bool accept() {
        auto next = ProbedBackend::accept();
        if (!next) return false;
        asked = std::move(next);
        return true;
    }

    // Returns whether weir has closed the heartbeat's connection.
    bool is_closed() {
        char bytes[64];
        boost::system::error_code error;
        while (!error) asked->read_some(asio::buffer(bytes), error);
        return error != asio::error::would_block;
    }

    tests::VerdictLog log;
    std::unique_ptr<HealthChecker> checker = std::make_unique<HealthChecker>(context, log);
    std::optional<Socket> asked;
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
    responder.run_until([&] { return responder.accept(); }); // the next heartbeat is sent
    CHECK(responder.checker->find(*responder.backend)->last_check->result == "OK");
}

TEST_CASE("an outstanding heartbeat continues under new numbers") {
    // It becomes the first one of a check of the same responder with other numbers.
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    responder.watch(7);
    responder.clock.run_for(50ms); // several intervals
    CHECK_FALSE(responder.is_closed());
    auto first = std::move(*responder.asked);
    CHECK_FALSE(responder.accept()); // no second heartbeat is sent
    asio::write(first, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
    CHECK(responder.checker->find(*responder.backend)->progress == Progress{1, 0});
    responder.run_until([&] { return responder.accept(); });
}

TEST_CASE("a check with new numbers continues a pause between two heartbeats") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    asio::write(*responder.asked, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
    responder.watch(7);
    responder.run_until([&] { return responder.accept(); });
    asio::write(*responder.asked, asio::buffer("OK", 2));
    responder.run_until([&] { return responder.checker->find(*responder.backend)->progress == Progress{1, 0}; });
}

TEST_CASE("an outstanding heartbeat ends with its check and reports nothing") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    SECTION("another check takes its place") {
        responder.watch(1, conf::CheckType::tcp);
        responder.run_until([&] { return responder.is_closed(); });
        responder.run_until([&] { return responder.backend->verdict() == Verdict::up; });
        CHECK(responder.checker->find(*responder.backend)->last_check->result == "connected");
    }
    SECTION("the backend leaves") {
        responder.checker->stop();
        responder.run_until([&] { return responder.is_closed(); });
        CHECK(responder.backend->verdict() == Verdict::unknown);
    }
}

TEST_CASE("a process may end while a heartbeat is outstanding") {
    Responder responder;
    responder.watch(1);
    responder.run_until([&] { return responder.accept(); });
    SECTION("with its checker first") { responder.checker.reset(); }
    SECTION("after a turn of the event loop") {
        responder.checker.reset();
        responder.clock.run_for(10ms);
    }
}
