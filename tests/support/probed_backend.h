// A backend on a free loopback port. The test itself accepts and answers what a HealthChecker sends to it.
//
// Thread: that of the test, which runs `context`.
// Lifetime: that of the test; objects that use `context` must be destroyed before it.
#pragma once

#include "balancer/backend.h"
#include "balancer/pool_state.h"
#include "tests/catch.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace weir::tests {

class ProbedBackend {
public:
    using Socket = boost::asio::ip::tcp::socket;

    ProbedBackend() {
        acceptor_.non_blocking(true);
        const auto text = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
        backend = std::make_shared<balancer::Backend>("web", text, *conf::Address::parse(text), 1,
                                                      std::make_shared<balancer::PoolState>(1, nullptr));
    }

    // Returns the next connection, as a non-blocking socket, or nothing if there is none yet.
    std::optional<Socket> accept() {
        boost::system::error_code error;
        Socket next(context);
        acceptor_.accept(next, error);
        if (error) return std::nullopt;
        next.non_blocking(true);
        return next;
    }

    // Runs `context` until `condition()` is true; fails the test after 30 s.
    template <typename Condition> void run_until(Condition condition) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < limit);
            context.restart(); // it stops when it has nothing to do
            context.run_for(std::chrono::milliseconds(1));
        }
    }

    boost::asio::io_context context{1};
    balancer::BackendPtr backend;

private:
    boost::asio::ip::tcp::acceptor acceptor_{
        context, boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
};

} // namespace weir::tests
