#include "health/monitor/health_checker.h"
#include "tests/catch.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <optional>

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// One backend that is probed, on a port of the test's own.
class Probed {
public:
    Probed() {
        acceptor_.non_blocking(true);
        const auto text = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
        backend = std::make_shared<balancer::Backend>("web", text, *conf::Address::parse(text), 1,
                                                      std::make_shared<balancer::PoolState>(1, nullptr));
    }

    // The next probe, its request read. `context` runs until there is one.
    tcp::socket next_probe() {
        std::optional<tcp::socket> probe;
        run_until([&] {
            boost::system::error_code error;
            probe.emplace(acceptor_.accept(error));
            return !error;
        });
        probe->non_blocking(true);
        std::string request;
        run_until([&] {
            char bytes[512];
            boost::system::error_code error;
            request.append(bytes, probe->read_some(asio::buffer(bytes), error));
            return request.find("\r\n\r\n") != std::string::npos;
        });
        return std::move(*probe);
    }

    // Answers, and returns when weir has taken note of the answer and closed.
    void answer(tcp::socket probe, std::string_view status) {
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

    template <typename Condition> void run_until(Condition condition) {
        const auto limit = std::chrono::steady_clock::now() + 30s;
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < limit);
            context.restart(); // it may have had nothing to do
            context.run_for(1ms);
        }
    }

    static conf::HealthCheck check(std::string path) {
        conf::HealthCheck check;
        check.path = std::move(path);
        check.interval = 10ms;
        check.timeout = 30s;
        check.fall = 1;
        return check;
    }

    asio::io_context context;
    balancer::BackendPtr backend;

private:
    tcp::acceptor acceptor_{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

} // namespace

TEST_CASE("a probe that was under way says nothing against a verdict that is brought back meanwhile") {
    Probed probed;
    HealthChecker monitor(probed.context, [](const auto&, auto, const auto&) {});
    monitor.watch({{probed.backend, probed.check("/wrong")}});
    probed.answer(probed.next_probe(), "404 Not Found");
    probed.run_until([&] { return probed.backend->verdict() == Verdict::down; });

    auto under_way = probed.next_probe();
    monitor.inherit(probed.backend, Verdict::up, {{3, 0}});
    probed.answer(std::move(under_way), "404 Not Found"); // workers are being told of the change
    CHECK(probed.backend->verdict() == Verdict::up);
    monitor.watch({{probed.backend, probed.check("/right")}});
    CHECK(probed.backend->verdict() == Verdict::up);
    CHECK(monitor.find(*probed.backend)->progress == Progress{3, 0});
    probed.answer(probed.next_probe(), "200 OK");
    probed.run_until([&] { return monitor.find(*probed.backend)->progress == Progress{4, 0}; });
}

TEST_CASE("a check that stays the same goes on undisturbed, another one begins anew and keeps the verdict") {
    Probed probed;
    HealthChecker monitor(probed.context, [](const auto&, auto, const auto&) {});
    monitor.watch({{probed.backend, probed.check("/a")}});
    probed.answer(probed.next_probe(), "200 OK");
    const auto passes = [&] { return monitor.find(*probed.backend)->progress.passes; };
    probed.run_until([&] { return passes() == 1; });
    auto under_way = probed.next_probe();
    monitor.watch({{probed.backend, probed.check("/a")}});
    probed.answer(std::move(under_way), "200 OK");
    probed.run_until([&] { return passes() == 2; });

    monitor.watch({{probed.backend, probed.check("/b")}});
    CHECK(passes() == 0);
    CHECK(probed.backend->verdict() == Verdict::up);
}
