#include "health/monitor/health_checker.h"
#include "tests/catch.h"
#include "tests/support/probed_backend.h"
#include "tests/support/verdict_log.h"

#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <optional>

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace asio = boost::asio;

namespace {

// A backend whose HTTP probes the test answers.
class Probed : public tests::ProbedBackend {
public:
    // Returns the next probe, after its request has been read.
    Socket next_probe() {
        std::optional<Socket> probe;
        run_until([&] { return (probe = accept()).has_value(); });
        std::string request;
        run_until([&] {
            char bytes[512];
            boost::system::error_code error;
            request.append(bytes, probe->read_some(asio::buffer(bytes), error));
            return request.find("\r\n\r\n") != std::string::npos;
        });
        return std::move(*probe);
    }

    // Answers the probe, and returns when weir has processed the answer and closed the connection.
    void answer(Socket probe, std::string_view status) {
        probe.non_blocking(false);
        asio::write(probe, asio::buffer("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n"));
        probe.non_blocking(true);
        run_until([&] {
            char byte;
            boost::system::error_code error;
            probe.read_some(asio::buffer(&byte, 1), error);
            return error && error != asio::error::would_block;
        });
    }

    static conf::HealthCheck check(std::string path) {
        conf::HealthCheck check;
        check.path = std::move(path);
        check.interval = 10ms;
        check.timeout = 10min; // longer than `run_until` waits
        check.fall = 1;
        return check;
    }
};

} // namespace

TEST_CASE("a probe in flight does not change a verdict that is restored") {
    // The verdict is restored while the probe is in flight, so the probe's result does not count.
    Probed probed;
    tests::VerdictLog log;
    HealthChecker checker(probed.context, log);
    checker.watch({{probed.backend, probed.check("/wrong")}});
    probed.answer(probed.next_probe(), "404 Not Found");
    probed.run_until([&] { return probed.backend->verdict() == Verdict::down; });

    auto under_way = probed.next_probe();
    checker.inherit(probed.backend, Verdict::up, {{3, 0}});
    probed.answer(std::move(under_way), "404 Not Found"); // the workers are switching to the change
    CHECK(probed.backend->verdict() == Verdict::up);
    checker.watch({{probed.backend, probed.check("/right")}});
    CHECK(probed.backend->verdict() == Verdict::up);
    CHECK(checker.find(*probed.backend)->progress == Progress{3, 0});
    probed.answer(probed.next_probe(), "200 OK");
    probed.run_until([&] { return checker.find(*probed.backend)->progress == Progress{4, 0}; });
}

TEST_CASE("an unchanged check continues, a changed one restarts with its verdict") {
    Probed probed;
    tests::VerdictLog log;
    HealthChecker checker(probed.context, log);
    checker.watch({{probed.backend, probed.check("/a")}});
    probed.answer(probed.next_probe(), "200 OK");
    const auto passes = [&] { return checker.find(*probed.backend)->progress.passes; };
    probed.run_until([&] { return passes() == 1; });
    auto under_way = probed.next_probe();
    checker.watch({{probed.backend, probed.check("/a")}});
    probed.answer(std::move(under_way), "200 OK");
    probed.run_until([&] { return passes() == 2; });

    checker.watch({{probed.backend, probed.check("/b")}});
    CHECK(passes() == 0);
    CHECK(probed.backend->verdict() == Verdict::up);
}
