#include "proxy/upgrade/upgrade.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/co_spawn.hpp>

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace asio = boost::asio;

namespace {

// An upgrade to a shell script, which has the channel as descriptor 3. Each write of the script is one message.
class Upgrading {
public:
    explicit Upgrading(const std::string& script) : Upgrading(std::vector<std::string>{"/bin/sh", "-c", script}) {}
    explicit Upgrading(std::vector<std::string> command) : upgrade(control, std::move(command)) {
        start(upgrade.run(state));
    }
    ~Upgrading() {
        if (upgrade.process() <= 0 || ::waitpid(upgrade.process(), nullptr, WNOHANG) != 0) return;
        ::kill(upgrade.process(), SIGKILL);
        ::waitpid(upgrade.process(), nullptr, 0);
    }

    void start(asio::awaitable<Result<void>> work) {
        result.reset();
        asio::co_spawn(control, std::move(work),
                       [this](const std::exception_ptr&, Result<void> ended) { result = std::move(ended); });
    }
    // Waits in real time; no time passes on the clock of the upgrade.
    bool has_ended() {
        return clock.wait_for([this] { return result.has_value(); });
    }
    // Lets time pass on the clock of the upgrade, for at most as long as a new process may take to start.
    bool ends_soon() {
        for (int i = 0; i < 1000 && !result; ++i) {
            const auto end = std::chrono::steady_clock::now() + 3ms; // real time for the new process
            clock.wait_for([&] { return std::chrono::steady_clock::now() > end; });
            clock.run_for(50ms);
        }
        return result.has_value();
    }
    bool is_alive() const { return ::kill(upgrade.process(), 0) == 0; }

    asio::io_context control;
    test::ManualClock clock{control};
    HotRestartState state;
    std::optional<Result<void>> result; // that of the last operation started
    Upgrade upgrade;
};

const std::string serve = "printf 'unused 127.0.0.1:80' >&3; printf 'unused admin' >&3; printf ready >&3; ";
const std::string take_decision = "dd bs=64 count=2 <&3 >/dev/null 2>&1; "; // after "end", the end of the state

} // namespace

TEST_CASE("a new process that serves takes over") {
    Upgrading upgrading(serve + take_decision + "exec 3>&-; exec sleep 1000");
    REQUIRE(upgrading.has_ended());
    CHECK(upgrading.result->has_value());
    CHECK(upgrading.upgrade.unused() == std::set<std::string>{"127.0.0.1:80", "admin"});
    upgrading.start(upgrading.upgrade.confirm());
    REQUIRE(upgrading.has_ended());
    CHECK(upgrading.result->has_value());
    CHECK(upgrading.is_alive());
}

TEST_CASE("a new process that exits before it serves is noticed at once") {
    Upgrading upgrading("exit 7");
    REQUIRE(upgrading.ends_soon());
    REQUIRE_FALSE(upgrading.result->has_value());
    CHECK(upgrading.result->error().message() == "it exited before it was ready (exit status 7)");
}

TEST_CASE("a new process that never serves is given up after a minute") {
    Upgrading upgrading("exec sleep 1000");
    upgrading.clock.run_for(59999ms);
    CHECK_FALSE(upgrading.result);
    CHECK(upgrading.is_alive());
    upgrading.clock.run_for(1ms);
    REQUIRE(upgrading.ends_soon());
    REQUIRE_FALSE(upgrading.result->has_value());
    CHECK(upgrading.result->error().message().starts_with("it was not ready in time (killed by signal "));
    CHECK_FALSE(upgrading.is_alive());
}

TEST_CASE("a failed new process that does not end is killed") {
    Upgrading upgrading("trap '' TERM; exec 3>&-; while :; do sleep 1; done");
    REQUIRE(upgrading.ends_soon());
    REQUIRE_FALSE(upgrading.result->has_value());
    CHECK(upgrading.result->error().message() == "it exited before it was ready (killed by signal 9)");
}

TEST_CASE("a new process that exits during the takeover is noticed") {
    Upgrading upgrading(serve + take_decision + "exit 1");
    REQUIRE(upgrading.has_ended());
    REQUIRE(upgrading.result->has_value());
    upgrading.start(upgrading.upgrade.confirm());
    REQUIRE(upgrading.has_ended());
    // The channel closes a moment before the process has exited, so the failure may not be seen yet.
    if (!upgrading.result->has_value()) CHECK(upgrading.result->error().message() == "it exited during the takeover");
}

TEST_CASE("a program that cannot be started is an error with the reason") {
    Upgrading upgrading(std::vector<std::string>{"/nowhere/weir"});
    REQUIRE(upgrading.has_ended());
    REQUIRE_FALSE(upgrading.result->has_value());
    CHECK(upgrading.result->error().message().starts_with("it could not be started: No such file"));
}

TEST_CASE("when weir stops, a new process that does not serve yet is ended") {
    Upgrading upgrading("exec sleep 1000");
    upgrading.clock.settle();
    upgrading.upgrade.abandon();
    REQUIRE(upgrading.ends_soon());
    CHECK_FALSE(upgrading.result->has_value());
    CHECK_FALSE(upgrading.is_alive());
}
