#include "proxy/runtime/host_resolver.h"
#include "tests/catch.h"
#include "tests/unit/proxy/runtime/support.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/co_spawn.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace asio = boost::asio;

namespace {

// A name server. A look-up of a name without an answer blocks its thread until the test ends.
class Names {
public:
    ~Names() { set("", ""); }

    // Sets the answer for a name: an address, or "" for a failure.
    void set(const std::string& host, const std::string& address) {
        const std::lock_guard lock(state_->mutex);
        state_->answers[host] = address;
        state_->ended = host.empty();
        state_->changed.notify_all();
    }
    // Removes the answer for a name.
    void hold(const std::string& host) {
        const std::lock_guard lock(state_->mutex);
        state_->answers.erase(host);
    }
    int count(const std::string& host) {
        const std::lock_guard lock(state_->mutex);
        return state_->counts[host];
    }
    LookUp look_up() {
        return [state = state_](const std::string& host) { return state->look_up(host); };
    }

private:
    struct State {
        ResolvedHost look_up(const std::string& host) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return ended || answers.contains(host); });
            ++counts[host];
            const auto& answer = answers[host];
            if (answer.empty()) return Error("no such name");
            return std::vector{*conf::Address::parse(answer + ":1")};
        }

        std::mutex mutex;
        std::condition_variable changed;
        std::map<std::string, std::string> answers;
        std::map<std::string, int> counts;
        bool ended = false;
    };

    std::shared_ptr<State> state_ = std::make_shared<State>(); // a blocked thread uses it after the test
};

class Resolving : private AddressListener {
public:
    // Returns a configuration with one backend for each host.
    static conf::Config config(const std::vector<std::string>& hosts) {
        std::vector<std::pair<std::string, std::string>> backends;
        for (const auto& host : hosts) backends.emplace_back(host, host + ":80");
        auto config = tests::config_with(backends);
        config.pools[0].resolve_every = 20s;
        return config;
    }
    void find(const conf::Config& config, Unresolved unresolved = Unresolved::refused) {
        problems.reset();
        asio::co_spawn(
            context, resolver.find(config, unresolved),
            [this](const std::exception_ptr&, std::vector<conf::Problem> found) { problems = std::move(found); });
    }
    // Finds all names, and keeps them up to date from then on.
    void start(const conf::Config& config, Unresolved unresolved = Unresolved::refused) {
        find(config, unresolved);
        REQUIRE(clock.wait_for([this] { return problems.has_value(); }));
        resolver.watch({&config});
    }
    // Waits for the look-up that is due, and until the next one is scheduled, when it has taken effect.
    bool has_asked(const std::string& host, int times) {
        return clock.wait_for([&] { return names.count(host) == times && clock.is_awaited(); });
    }
    std::string address_of(const std::string& host) const {
        const auto it = resolver.addresses().find(host);
        return it == resolver.addresses().end() || it->second.empty() ? "" : it->second[0].ip_text();
    }

    asio::io_context context;
    test::ManualClock clock{context};
    Names names;
    int changes = 0;
    std::optional<std::vector<conf::Problem>> problems; // those of the last `find`, once it has ended
    HostResolver resolver{context, *this, names.look_up()};

private:
    void on_addresses_changed() override { ++changes; }
};

} // namespace

TEST_CASE("names are resolved again at their interval, and changes are reported") {
    Resolving host;
    host.names.set("app", "10.0.0.1");
    host.start(host.config({"app"}));
    CHECK(host.problems->empty());
    CHECK(host.address_of("app") == "10.0.0.1");
    host.clock.run_for(19s);
    CHECK(host.names.count("app") == 1);
    host.clock.run_for(1s);
    REQUIRE(host.has_asked("app", 2));
    CHECK(host.changes == 0); // the address is the same
    host.names.set("app", "10.0.0.2");
    host.clock.run_for(20s);
    CHECK(host.clock.wait_for([&] { return host.changes == 1; }));
    CHECK(host.address_of("app") == "10.0.0.2");
    host.clock.run_for(20s);
    REQUIRE(host.has_asked("app", 4));
    CHECK(host.changes == 1);
}

TEST_CASE("a look-up that fails keeps the known addresses") {
    Resolving host;
    host.names.set("app", "10.0.0.1");
    host.start(host.config({"app"}));
    host.names.set("app", "");
    for (int i = 2; i < 5; ++i) {
        host.clock.run_for(20s);
        REQUIRE(host.has_asked("app", i)); // still asked every 20 s
        CHECK(host.address_of("app") == "10.0.0.1");
    }
    CHECK(host.changes == 0);
    host.names.set("app", "10.0.0.9");
    host.clock.run_for(20s);
    CHECK(host.clock.wait_for([&] { return host.address_of("app") == "10.0.0.9"; }));
}

TEST_CASE("a name without an answer is refused, and delays no other name") {
    Resolving host;
    std::vector<std::string> hosts{"slow"};
    for (int i = 0; i < 100; ++i) {
        hosts.push_back("h" + std::to_string(i));
        host.names.set(hosts.back(), "10.0.0." + std::to_string(i));
    }
    host.names.set("unknown", "");
    hosts.push_back("unknown");
    const auto began = host.clock.now();
    const auto config = host.config(hosts); // the coroutine refers to it
    host.find(config);
    REQUIRE(host.has_asked("h99", 1));
    REQUIRE(host.has_asked("unknown", 1));
    REQUIRE(host.clock.run_until([&] { return host.problems.has_value(); }));
    CHECK(host.clock.now() - began == 10s);
    REQUIRE(host.problems->size() == 2);
    CHECK((*host.problems)[0].reason.find("\"slow\": no answer within 10s") != std::string::npos);
    CHECK((*host.problems)[0].path == "pools.web.backends[0].address");
    CHECK((*host.problems)[1].reason.find("\"unknown\": no such name") != std::string::npos);
    CHECK(host.address_of("h99") == "10.0.0.99");
}

TEST_CASE("a name that is unknown at the start is retried every second") {
    Resolving host;
    host.names.set("app", "");
    host.start(host.config({"app"}), Unresolved::retried);
    CHECK(host.problems->empty());
    CHECK(host.resolver.addresses().at("app").empty());
    for (int i = 2; i < 6; ++i) {
        host.clock.run_for(1s);
        REQUIRE(host.has_asked("app", i));
    }
    host.names.set("app", "10.0.0.1");
    host.clock.run_for(1s);
    CHECK(host.clock.wait_for([&] { return host.changes == 1; }));
    CHECK(host.address_of("app") == "10.0.0.1");
    host.clock.run_for(19s); // from now on, it has its own interval
    CHECK(host.names.count("app") == 6);
}

TEST_CASE("names that are no longer used are forgotten and not resolved again") {
    Resolving host;
    host.names.set("old", "10.0.0.1");
    host.names.set("new", "10.0.0.2");
    host.start(host.config({"old"}));
    const auto next = host.config({"new"});
    host.find(next);
    REQUIRE(host.clock.wait_for([&] { return host.problems.has_value(); }));
    CHECK(host.address_of("old") == "10.0.0.1"); // a rollback may need it
    host.resolver.watch({&next, nullptr});
    CHECK(host.address_of("old").empty());
    host.clock.run_for(1min);
    CHECK(host.names.count("old") == 1);
}

TEST_CASE("an answer that comes after the end is dropped") {
    Resolving host;
    host.names.set("app", "10.0.0.1");
    host.start(host.config({"app"}));
    host.names.hold("app");
    host.clock.run_for(20s); // the look-up is under way now
    host.resolver.stop();
    host.names.set("app", "10.0.0.2");
    CHECK(host.clock.wait_for([&] { return host.names.count("app") == 2; }));
    host.clock.run_for(1h);
    CHECK(host.changes == 0);
    CHECK(host.names.count("app") == 2);
}
