// A backend on a unix socket, where bytes arrive as soon as they are sent, so that its checks take no time on a
// ManualClock. The test itself accepts and answers what a HealthChecker sends to it.
//
// Thread: that of the test, which runs `context`.
// Lifetime: that of the test; objects that use `context` must be destroyed before it.
#pragma once

#include "balancer/backend.h"
#include "balancer/pool_state.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

namespace weir::tests {

class ProbedBackend {
public:
    using Protocol = boost::asio::local::stream_protocol;
    using Socket = Protocol::socket;

    ProbedBackend() {
        char folder[] = "/tmp/weir-probed-XXXXXX";
        REQUIRE(::mkdtemp(folder));
        folder_ = folder;
        listen();
        backend = std::make_shared<balancer::Backend>("web", "b0", conf::Endpoint::at_socket(path()), 1,
                                                      std::make_shared<balancer::PoolState>(1, nullptr));
    }
    ~ProbedBackend() {
        ::unlink(path().c_str());
        ::rmdir(folder_.c_str());
    }

    std::string path() const { return folder_ + "/socket"; }

    // Refuses connections, until `listen`.
    void refuse() { acceptor_.close(); }
    void listen() {
        ::unlink(path().c_str());
        acceptor_ = Protocol::acceptor(context, Protocol::endpoint(path()));
        acceptor_.non_blocking(true);
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

    // Lets time pass until `condition()` is true; fails the test if a minute is not enough.
    void run_until(const std::function<bool()>& condition) { REQUIRE(clock.run_until(condition)); }

    boost::asio::io_context context{1};
    test::ManualClock clock{context};
    balancer::BackendPtr backend;

private:
    std::string folder_;
    Protocol::acceptor acceptor_{context};
};

} // namespace weir::tests
