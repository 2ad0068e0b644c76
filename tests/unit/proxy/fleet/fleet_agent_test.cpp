#include "proxy/fleet/fleet_agent.h"

#include "base/timer.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/scripted_redis.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <functional>
#include <optional>

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::proxy;
using namespace weir::test;

namespace asio = boost::asio;

namespace {

// This machine's agent and the only server of its fleet.
struct AgentBench final : private LocalMember {
    asio::io_context control;
    ManualClock clock{control};
    ScriptedRedis redis{control};
    lock::HeartbeatReply reply; // the reply to each heartbeat
    std::uint64_t watermark = 0;
    int told = 0; // how many pushed versions were reported
    FleetAgent agent{control, *this};

    lock::FleetMember describe() const override { return {}; }
    asio::awaitable<std::uint64_t> fence_watermark() const override { co_return watermark; }
    lock::FleetVersion newest_seen(const std::string&) const override { return {}; }
    void on_version() override { ++told; }

    void update_reply() {
        const auto version = reply.newest.number > 0 ? lock::to_text(reply.newest) : "";
        redis.set_reply("ZRANGEBYSCORE",
                        list_reply({number_reply(static_cast<std::int64_t>(reply.fence)), text_reply(version),
                                    text_reply(reply.holder), number_reply(static_cast<std::int64_t>(reply.texts))}));
    }
    void follow(conf::ConfigSource source = conf::ConfigSource::file) {
        update_reply();
        conf::Reload settings;
        settings.source = source;
        settings.lock.type = conf::LockType::redis;
        settings.lock.member = "lb-1";
        settings.lock.servers.push_back({redis.url(), "", {}, "", {}, ""});
        agent.follow(settings);
    }
    std::size_t heartbeats() const { return redis.count("ZRANGEBYSCORE"); }
    // Returns how long it takes until the condition holds, by the agent's clock.
    Timer::TimePoint::duration time_until(const std::function<bool()>& condition) {
        const auto began = clock.now();
        REQUIRE(clock.run_until(condition));
        return clock.now() - began;
    }
    Timer::TimePoint::duration time_until_heartbeat() {
        return time_until([this, count = heartbeats()] { return heartbeats() > count; });
    }
    // Lets time pass until the next heartbeat is answered.
    void run_to_answer() {
        time_until([this, answered = agent.heard()] { return agent.heard() != answered; });
    }
    ~AgentBench() { // the timers must end before their clock
        agent.stop(Presence::goes_on);
        redis.close();
        clock.run_for(1min);
    }
};

// Runs an operation of the agent and keeps its result.
template <class T> asio::awaitable<void> keep(asio::awaitable<T> work, std::optional<T>& result) {
    result = co_await std::move(work);
}

} // namespace

TEST_CASE("a member sends a heartbeat at once, and then at random shares of 5 s") {
    AgentBench bench;
    bench.follow();
    CHECK(bench.time_until_heartbeat() == 0s);
    for (int i = 0; i < 5; ++i) {
        const auto pause = bench.time_until_heartbeat();
        CHECK(pause >= 2500ms);
        CHECK(pause <= 5000ms);
    }
    CHECK(bench.agent.is_reachable());
    const auto words = bench.redis.received("ZRANGEBYSCORE").back();
    CHECK(lock::member_from(words.at(words.size() - 2))->name == "lb-1");
}

TEST_CASE("a member that takes pushed configurations asks for them every second") {
    AgentBench bench;
    bench.follow(conf::ConfigSource::fleet);
    bench.time_until_heartbeat();
    for (int i = 0; i < 5; ++i) {
        const auto pause = bench.time_until_heartbeat();
        CHECK(pause >= 500ms);
        CHECK(pause <= 1000ms);
    }
}

TEST_CASE("an agent that stops leaves its fleet and sends no more heartbeats") {
    AgentBench bench;
    bench.follow();
    bench.run_to_answer();
    bench.agent.stop(Presence::ends);
    CHECK_FALSE(bench.agent.has_left());
    bench.time_until([&] { return bench.agent.has_left(); });
    const auto left = bench.redis.received("return redis.call('ZREM'");
    REQUIRE(left.size() == 1);
    CHECK(left[0].back() == "lb-1");
    const auto before = bench.heartbeats();
    bench.clock.run_for(1min);
    CHECK(bench.heartbeats() == before);
}

TEST_CASE("a pushed version is reported until its outcome is known") {
    AgentBench bench;
    bench.reply.newest = {3, "abc", "lb-2", 1};
    bench.follow();
    bench.run_to_answer();
    CHECK(bench.told == 1);
    bench.run_to_answer(); // reported again, as it may have been refused only for the moment
    CHECK(bench.told == 2);
    bench.agent.settle(bench.agent.newest());
    bench.run_to_answer();
    CHECK(bench.told == 2);
    bench.reply.newest = {2, "old", "lb-2", 1}; // the servers have lost data
    bench.update_reply();
    bench.run_to_answer();
    CHECK((bench.told == 2 && bench.agent.newest().number == 3));
    bench.reply.newest = {4, "new", "lb-2", 1};
    bench.update_reply();
    bench.run_to_answer();
    CHECK((bench.told == 3 && bench.agent.newest().number == 4));
}

TEST_CASE("a server that hangs is asked again soon, until it answers") {
    AgentBench bench;
    bench.follow();
    bench.run_to_answer();
    bench.redis.set_replies(false);
    const auto silent = bench.time_until([&] { return !bench.agent.is_reachable(); });
    CHECK(silent <= 5s + 1s); // the next heartbeat, plus the server's timeout
    REQUIRE(bench.agent.problem());
    CHECK(bench.agent.problem()->message().find("no answer for 1 s") != std::string::npos);
    for (int i = 0; i < 3; ++i) CHECK(bench.time_until_heartbeat() <= 2s + 2s); // a pause, the timeout and a back-off
    bench.redis.set_replies(true);
    CHECK(bench.time_until([&] { return bench.agent.is_reachable(); }) <= 4s);
    CHECK_FALSE(bench.agent.problem());
}

TEST_CASE("the outcome of a change is delivered when the server is back") {
    AgentBench bench;
    constexpr const char* finishing = "HMGET', KEYS[1], 'fence', 'hash')";
    bench.redis.set_reply(finishing, number_reply(1));
    bench.follow();
    bench.run_to_answer();
    bench.redis.set_replies(false);
    std::optional<Result<void>> finished;
    lock::FleetChange change{5, "abc", "", lock::ChangeVerdict::good, "", 0, 0};
    asio::co_spawn(bench.control, keep(bench.agent.finish(change), finished), asio::detached);
    bench.time_until([&] { return finished.has_value(); });
    CHECK(*finished); // it does not wait for the server
    const auto before = bench.redis.count(finishing);
    bench.redis.set_replies(true);
    bench.time_until([&] { return bench.redis.count(finishing) > before; });
    const auto words = bench.redis.received(finishing).back();
    const auto recorded = lock::change_from(words.at(words.size() - 2));
    REQUIRE(recorded);
    CHECK((recorded->fence == 5 && recorded->member == "lb-1" && recorded->verdict == lock::ChangeVerdict::good));
    bench.run_to_answer();
    CHECK(bench.redis.count(finishing) == before + 1);
}

TEST_CASE("a fence of the servers below this machine's is counted once") {
    AgentBench bench;
    bench.watermark = 9;
    bench.reply.fence = 5;
    bench.follow();
    for (int i = 0; i < 4; ++i) bench.run_to_answer(); // the first one may be answered before the disk is read
    CHECK(bench.agent.fence_alarms() == 1);
    bench.reply.fence = 9;
    bench.update_reply();
    bench.run_to_answer();
    bench.reply.fence = 8;
    bench.update_reply();
    bench.run_to_answer();
    CHECK(bench.agent.fence_alarms() == 2);
}

TEST_CASE("members that differ are asked for until a warning is logged") {
    AgentBench bench;
    constexpr const char* viewing = "HGETALL";
    const auto member = [](const std::string& name, const std::string& hash) {
        lock::FleetMember one;
        one.name = name;
        one.hash = hash;
        one.state = lock::MemberState::serving;
        return text_reply(lock::to_text(one));
    };
    const auto members =
        list_reply({text_reply("lb-1"), member("lb-1", "aa"), text_reply("lb-2"), member("lb-2", "bb")});
    const auto times = list_reply({text_reply("lb-1"), text_reply("5"), text_reply("lb-2"), text_reply("5")});
    const auto none = list_reply({});
    bench.redis.set_reply(viewing, list_reply({text_reply(""), number_reply(-2), text_reply("0"), text_reply("1"),
                                               text_reply("5"), members, times, none, none, none, none}));
    bench.reply.texts = 2;
    bench.follow();
    bench.clock.run_until([&] { return bench.redis.count(viewing) >= 2; });
    const auto began = bench.clock.now();
    bench.clock.run_until([&] { return bench.clock.now() > began + 30s; });
    const auto asked = bench.redis.count(viewing);
    CHECK(asked <= 7); // within about 15 s
    bench.run_to_answer();
    CHECK(bench.redis.count(viewing) == asked);
}
