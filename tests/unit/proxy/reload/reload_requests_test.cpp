#include "proxy/reload/reload_requests.h"
#include "tests/catch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <exception>
#include <initializer_list>
#include <optional>
#include <utility>

using namespace weir::proxy;
namespace asio = boost::asio;

namespace {

using Kind = ReloadRequest::Kind;

class RequestsFixture {
public:
    asio::io_context control;
    ReloadRequests requests{control};

    // Begins the requested reload and returns the request; returns nothing if it has to wait.
    std::optional<ReloadRequest> next() {
        if (!waiting_) asio::co_spawn(control, keep_next(), asio::detached);
        run();
        return std::exchange(begun_, std::nullopt);
    }
    void run() {
        control.restart();
        control.poll();
    }
    std::optional<ReloadRequest> join(std::initializer_list<ReloadRequest> all) {
        for (const auto& request : all) requests.add(request);
        const auto joined = next();
        requests.finish();
        return joined;
    }

private:
    asio::awaitable<void> keep_next() {
        waiting_ = true;
        begun_ = co_await requests.next();
        waiting_ = false;
    }

    std::optional<ReloadRequest> begun_;
    bool waiting_ = false;
};

} // namespace

TEST_CASE("requests that arrive during a reload are joined into one") {
    RequestsFixture site;
    CHECK_FALSE(site.next());
    site.requests.add({Kind::reload, ReloadTrigger::signal, Force::no});
    REQUIRE(site.next());
    CHECK(site.requests.is_in_progress());
    site.requests.add({Kind::if_changed, ReloadTrigger::watch, Force::no});
    site.requests.add({Kind::reload, ReloadTrigger::signal, Force::no});
    site.requests.finish();
    CHECK_FALSE(site.requests.is_in_progress());
    CHECK(site.requests.has_waiting());
    REQUIRE(site.next());
    site.requests.finish();
    CHECK_FALSE(site.next());
}

TEST_CASE("joined requests are one of the kind that all of them have") {
    RequestsFixture site;
    const ReloadRequest watch{Kind::if_changed, ReloadTrigger::watch, Force::no};
    const ReloadRequest retry{Kind::retry, ReloadTrigger::signal, Force::no};
    CHECK(site.join({watch, watch})->kind == Kind::if_changed);
    CHECK(site.join({retry, retry})->kind == Kind::retry);
    CHECK(site.join({watch, retry})->kind == Kind::reload);
    CHECK(site.join({watch, {Kind::reload, ReloadTrigger::signal, Force::no}, watch})->kind == Kind::reload);
}

TEST_CASE("a command is the trigger of a joined request, and a retry is not") {
    RequestsFixture site;
    const ReloadRequest command{Kind::reload, ReloadTrigger::command, Force::no};
    const ReloadRequest signal{Kind::reload, ReloadTrigger::signal, Force::no};
    const ReloadRequest retry{Kind::retry, ReloadTrigger::fleet, Force::yes};
    CHECK(site.join({command, signal})->trigger == ReloadTrigger::command);
    CHECK(site.join({signal, command})->trigger == ReloadTrigger::command);
    CHECK(site.join({signal, retry})->trigger == ReloadTrigger::signal);
    CHECK(site.join({retry, signal})->trigger == ReloadTrigger::signal);
    CHECK(site.join({retry})->trigger == ReloadTrigger::fleet);
    CHECK(site.join({signal, retry, signal})->force == Force::yes); // one forced request is enough
    CHECK(site.join({signal})->force == Force::no);
}

TEST_CASE("requests that are held back begin when they are resumed") {
    RequestsFixture site;
    site.requests.hold();
    site.requests.add({Kind::reload, ReloadTrigger::signal, Force::no});
    CHECK_FALSE(site.next());
    site.requests.resume();
    CHECK(site.next());
}

TEST_CASE("a request is finished with the reload that it was joined into") {
    RequestsFixture site;
    site.requests.add({Kind::reload, ReloadTrigger::signal, Force::no});
    REQUIRE(site.next());
    const auto number = site.requests.add({Kind::reload, ReloadTrigger::signal, Force::no});
    bool finished = false;
    asio::co_spawn(site.control, site.requests.wait_until_finished(number),
                   [&](const std::exception_ptr&) { finished = true; });
    site.requests.finish(); // finishes an earlier reload
    site.run();
    CHECK_FALSE(finished);
    REQUIRE(site.next());
    site.requests.finish();
    site.run();
    CHECK(finished);
}
