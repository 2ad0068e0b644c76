// Tests of the records that a fleet keeps on its servers, against real servers.
#include "lock/fleet/fleet_configs.h"
#include "lock/fleet/fleet_records.h"
#include "lock/redis/redis_lock.h"
#include "tests/support/code_of.h"
#include "tests/support/redis_server.h"

using namespace weir::lock;
using namespace weir::tests;

namespace {

struct Bench {
    explicit Bench(std::size_t count = 1) {
        for (std::size_t i = 0; i < count; ++i) servers.push_back(std::make_unique<RedisServer>(context));
        std::vector<RedisOptions> options;
        for (const auto& server : servers) options.push_back(server->options());
        const auto quorum = std::make_shared<RedisQuorum>(context.get_executor(), options);
        records = std::make_unique<FleetRecords>(quorum, "t");
        configs = std::make_unique<FleetConfigs>(quorum, "t");
    }
    boost::system::error_code begin(std::uint64_t fence, const std::string& hash) {
        return code_of(wait_for(context, records->begin({fence, hash, "lb-1", {}, "", 5, 0})));
    }
    boost::system::error_code finish(std::uint64_t fence, const std::string& hash, ChangeVerdict verdict) {
        return code_of(wait_for(context, records->finish({fence, hash, "lb-1", verdict,
                                                          verdict == ChangeVerdict::bad ? "why" : "", 6, 0})));
    }
    std::uint64_t push(const std::string& hash) {
        const auto pushed = wait_for(context, configs->push({0, hash, "lb-1", 7}, "text of " + hash));
        return pushed ? *pushed : 0;
    }
    FleetView view() { return *wait_for(context, records->view()); }

    asio::io_context context;
    std::vector<std::unique_ptr<RedisServer>> servers;
    std::unique_ptr<FleetRecords> records;
    std::unique_ptr<FleetConfigs> configs;
};

} // namespace

TEST_CASE("a lower fence, or a second configuration under one fence, is refused") {
    for (const std::size_t count : {1u, 3u}) {
        Bench bench(count);
        CHECK_FALSE(bench.begin(5, "aaa"));
        CHECK(bench.begin(4, "bbb") == LockError::lost);
        CHECK(bench.begin(5, "bbb") == LockError::lost);
        CHECK_FALSE(bench.begin(5, "aaa")); // the same report, repeated
        CHECK_FALSE(bench.finish(5, "aaa", ChangeVerdict::good));
        CHECK_FALSE(bench.begin(7, "ccc"));
        CHECK(bench.finish(5, "aaa", ChangeVerdict::good) ==
              LockError::lost); // another machine has changed the fleet since
        CHECK_FALSE(bench.finish(7, "ccc", ChangeVerdict::bad));
    }
}

TEST_CASE("a bad configuration stays bad under any fence until unbanned or good") {
    Bench bench;
    CHECK_FALSE(bench.begin(1, "aaa"));
    CHECK_FALSE(bench.begin(2, "bbb"));
    CHECK(bench.finish(1, "aaa", ChangeVerdict::bad) == LockError::lost);
    const auto verdict = [&](const char* hash) { return *wait_for(bench.context, bench.records->verdict(hash)); };
    const auto bad = verdict("aaa").denied;
    REQUIRE(bad);
    CHECK((bad->reason == "why" && bad->author == "lb-1" && bad->since == 6));
    CHECK_FALSE(verdict("bbb").denied);
    CHECK(verdict("aaa").unbanned_fence == 0);
    CHECK(*wait_for(bench.context, bench.records->unban("aaa")) == 1);
    CHECK(*wait_for(bench.context, bench.records->unban("aaa")) == 0);
    CHECK((verdict("aaa").unbanned_fence == 2 && !verdict("aaa").denied)); // for machines with their own denylist
    CHECK_FALSE(bench.finish(2, "bbb", ChangeVerdict::bad));
    CHECK_FALSE(bench.begin(3, "bbb")); // an operator forces it
    CHECK_FALSE(bench.finish(3, "bbb", ChangeVerdict::good));
    CHECK(bench.view().denylist.empty());
}

TEST_CASE("a heartbeat reply names the lock holder that a majority knows") {
    for (const std::size_t count : {1u, 3u}) {
        Bench bench(count);
        const auto holder = [&] {
            return wait_for(bench.context,
                            bench.records->send_heartbeat({"lb-1", "1.0", "aaa", 3, MemberState::serving, 80}))
                ->holder;
        };
        CHECK(holder().empty());
        for (const auto& server : bench.servers) server->call({"SET", "weir:{t}:lock", "lb-2:77:00ff", "PX", "60000"});
        CHECK(holder() == "lb-2:77");
        for (std::size_t i = 0; i < bench.servers.size(); ++i)
            bench.servers[i]->call({"SET", "weir:{t}:lock", "lb-" + std::to_string(i) + ":1:0", "PX", "60000"});
        CHECK(holder() == (count == 1 ? "lb-0:1" : ""));
    }
}

TEST_CASE("the view shows members, changes from newest to oldest, and the holder") {
    Bench bench;
    for (const char* name : {"lb-2", "lb-1"})
        CHECK(
            wait_for(bench.context, bench.records->send_heartbeat({name, "1.0", "aaa", 3, MemberState::serving, 80, 0}))
                .has_value());
    for (std::uint64_t i = 1; i <= 60; ++i) CHECK_FALSE(bench.begin(i, "aaa"));
    bench.servers[0]->call({"SET", "weir:{t}:lock", "lb-1:77:00ff", "PX", "9000"});
    bench.servers[0]->call({"SET", "weir:{t}:fence", "60"});
    auto view = bench.view();
    REQUIRE(view.members.size() == 2);
    CHECK((view.members[0].name == "lb-1" && view.members[0].healthy == 80 && view.members[0].fence == 3));
    CHECK(view.members[0].silent_ms < 5000);
    REQUIRE(view.changes.size() == 50); // only the newest 50
    CHECK(view.changes[0].fence == 60);
    CHECK((view.holder == "lb-1:77" && view.lease_left_ms > 0 && view.fence == 60));
    CHECK(wait_for(bench.context, bench.records->leave("lb-2")));
    CHECK(bench.view().members.size() == 1);
    CHECK(*wait_for(bench.context, bench.records->break_lock({0, "", "lb-1", {}, "stuck", 9, 0})) == 1);
    view = bench.view();
    CHECK(view.holder.empty());
    CHECK((view.changes[0].verdict == ChangeVerdict::broken && view.changes[0].reason == "stuck"));
}

TEST_CASE("what others have written there and is none of ours is left out") {
    Bench bench;
    bench.servers[0]->call({"HSET", "weir:{t}:members", "x", "nonsense"});
    bench.servers[0]->call({"ZADD", "weir:{t}:seen", "9999999999999", "x"});
    bench.servers[0]->call({"HSET", "weir:{t}:bad", "h", "{\"hash\": 5}"});
    bench.servers[0]->call({"LPUSH", "weir:{t}:changes", "[]", "{\"fence\": -1}"});
    const auto view = bench.view();
    CHECK((view.members.empty() && view.denylist.empty() && view.changes.empty()));
    bench.servers[0]->call({"DEL", "weir:{t}:bad"});
    bench.servers[0]->call({"SET", "weir:{t}:bad", "a text"});
    const auto broken = wait_for(bench.context, bench.records->view());
    CHECK(broken.error() == LockError::unavailable);
    CHECK(broken.error().message().find("WRONGTYPE") != std::string::npos);
}

TEST_CASE("a majority of servers decides, and a missing server changes nothing") {
    Bench bench(3);
    CHECK_FALSE(bench.begin(1, "aaa"));
    CHECK_FALSE(bench.finish(1, "aaa", ChangeVerdict::bad));
    bench.servers[0]->kill();
    CHECK(wait_for(bench.context, bench.records->verdict("aaa"))->denied);
    CHECK_FALSE(bench.begin(2, "bbb"));
    CHECK(bench.begin(1, "aaa") == LockError::lost);
    CHECK(bench.view().changes.size() == 3);
    bench.servers[1]->kill();
    CHECK(bench.begin(3, "ccc") == LockError::unavailable);
}

TEST_CASE("a configuration is good once a machine has confirmed it") {
    // It stays good until another change begins, or it turns out to be bad.
    for (const std::size_t count : {1u, 3u}) {
        Bench bench(count);
        const auto stood = [&](const char* hash) {
            return wait_for(bench.context, bench.records->passed_canary(hash));
        };
        CHECK_FALSE(bench.begin(1, "aaa"));
        CHECK_FALSE(stood("aaa"));
        CHECK_FALSE(bench.finish(1, "aaa", ChangeVerdict::good));
        CHECK(stood("aaa"));
        CHECK_FALSE(stood("bbb"));
        // Two machines follow in parallel, and end in any order.
        CHECK_FALSE(bench.begin(2, "aaa"));
        CHECK_FALSE(bench.begin(3, "aaa"));
        CHECK_FALSE(bench.finish(3, "aaa", ChangeVerdict::good));
        CHECK_FALSE(bench.finish(2, "aaa", ChangeVerdict::good));
        CHECK(stood("aaa"));
        CHECK_FALSE(bench.begin(4, "aaa"));
        CHECK_FALSE(bench.finish(4, "aaa", ChangeVerdict::bad));
        CHECK_FALSE(stood("aaa"));
        CHECK_FALSE(bench.begin(5, "bbb"));
        CHECK_FALSE(bench.finish(5, "bbb", ChangeVerdict::good));
        CHECK_FALSE(bench.begin(6, "ccc"));
        CHECK_FALSE(stood("bbb"));
        if (count > 1) bench.servers[2]->kill();
        CHECK_FALSE(bench.finish(6, "ccc", ChangeVerdict::good));
        CHECK(stood("ccc"));
    }
}

TEST_CASE("pushed configurations are numbered and the last good one can be found") {
    for (const std::size_t count : {1u, 3u}) {
        Bench bench(count);
        CHECK_FALSE(*wait_for(bench.context, bench.configs->newest()));
        CHECK(bench.push("aaa") == 1);
        CHECK(bench.push("bbb") == 2);
        CHECK(bench.push("ccc") == 3);
        const auto newest = *wait_for(bench.context, bench.configs->newest());
        REQUIRE(newest);
        CHECK((newest->version.number == 3 && newest->version.hash == "ccc" && newest->text == "text of ccc"));
        const auto told =
            wait_for(bench.context, bench.records->send_heartbeat({"lb-1", "1.0", "aaa", 3, MemberState::serving, 80}));
        CHECK(told->newest.number == 3);
        const auto last_good = [&] { return *wait_for(bench.context, bench.configs->last_good()); };
        CHECK_FALSE(last_good()); // none has passed its canary window yet
        CHECK_FALSE(bench.begin(1, "aaa"));
        CHECK_FALSE(bench.finish(1, "aaa", ChangeVerdict::good));
        CHECK_FALSE(bench.begin(2, "bbb"));
        CHECK_FALSE(bench.finish(2, "bbb", ChangeVerdict::good));
        CHECK(last_good()->version.hash == "bbb");
        CHECK_FALSE(bench.begin(3, "bbb"));
        CHECK_FALSE(bench.finish(3, "bbb", ChangeVerdict::bad));
        CHECK(last_good()->version.hash == "aaa");
        CHECK(last_good()->text == "text of aaa");
        CHECK(bench.push("aaa") == 4);
        CHECK_FALSE(last_good()); // the newest version has the same content
        CHECK(bench.view().changes[0].verdict == ChangeVerdict::pushed);
        CHECK(bench.view().versions.size() == 4);
    }
}

TEST_CASE("the last ten pushed configurations are kept, numbers never go back") {
    Bench bench;
    for (int i = 1; i <= 12; ++i) CHECK(bench.push("h" + std::to_string(i)) == static_cast<std::uint64_t>(i));
    CHECK(bench.view().versions.size() == 10);
    CHECK(bench.servers[0]->call({"HLEN", "weir:{t}:texts"}).number == 10);
    bench.servers[0]->call({"FLUSHALL"});
    const auto pushed = wait_for(bench.context, bench.configs->push({12, "new", "lb-1", 7}, "text"));
    CHECK(*pushed == 13); // the machine knows version 12
    const std::string stale = "{\"version\":20,\"hash\":\"x\",\"author\":\"y\",\"at\":1}";
    bench.servers[0]->call({"LPUSH", "weir:{t}:versions", stale}); // its text is missing
    CHECK_FALSE(*wait_for(bench.context, bench.configs->newest()));
}

TEST_CASE("a bad verdict of one parallel slot outlasts the good ones of others") {
    Bench bench;
    CHECK_FALSE(bench.begin(5, "aaa"));
    CHECK_FALSE(bench.begin(6, "aaa"));
    CHECK_FALSE(bench.begin(7, "aaa"));
    CHECK_FALSE(bench.finish(6, "aaa", ChangeVerdict::bad));
    CHECK(bench.finish(5, "aaa", ChangeVerdict::good) == LockError::lost);
    CHECK(bench.finish(7, "aaa", ChangeVerdict::good) == LockError::lost);
    CHECK(wait_for(bench.context, bench.records->verdict("aaa"))->denied);
    CHECK_FALSE(wait_for(bench.context, bench.records->passed_canary("aaa")));
    CHECK_FALSE(bench.begin(8, "aaa")); // an operator forces it
    CHECK_FALSE(bench.finish(8, "aaa", ChangeVerdict::good));
    CHECK_FALSE(wait_for(bench.context, bench.records->verdict("aaa"))->denied);
}

TEST_CASE("a parallel slot must apply the same change, once it is good") {
    Bench bench;
    const auto parallel = [&](std::uint64_t fence, const char* hash) {
        return code_of(
            wait_for(bench.context, bench.records->begin({fence, hash, "lb-2", {}, "", 5, 0}, ChangeKind::parallel)));
    };
    CHECK(parallel(1, "aaa") == LockError::lost);
    CHECK_FALSE(bench.begin(2, "aaa"));
    CHECK(parallel(3, "aaa") == LockError::lost);
    CHECK_FALSE(bench.finish(2, "aaa", ChangeVerdict::good));
    CHECK_FALSE(parallel(4, "aaa"));
    CHECK(parallel(5, "bbb") == LockError::lost);
    CHECK_FALSE(bench.begin(6, "bbb"));
    CHECK(parallel(7, "aaa") == LockError::lost);
}

TEST_CASE("a server that missed the start of a change accepts its end") {
    Bench bench;
    CHECK_FALSE(bench.finish(3, "aaa", ChangeVerdict::good)); // the server did not see `begin`
    CHECK(bench.begin(2, "bbb") == LockError::lost);
    CHECK(bench.finish(3, "bbb", ChangeVerdict::good) == LockError::lost);
    CHECK(wait_for(bench.context, bench.records->passed_canary("aaa")));
}

TEST_CASE("of configurations pushed at one moment, the most stored is the newest") {
    const FleetVersion a{4, "a", "", 0}, b{4, "b", "", 0}, old{3, "c", "", 0};
    CHECK(newest_of({}).number == 0);
    CHECK(newest_of({b, a, a}).hash == "a");
    CHECK(newest_of({old, old, a}).hash == "a");
    CHECK(newest_of({a, b}).hash == "b"); // a tie has the same result on every machine
    CHECK(newest_of({b, a}).hash == "b");
}

TEST_CASE("a push that a majority does not take leaves nothing behind") {
    Bench bench(3);
    for (std::size_t i : {0u, 1u})
        bench.servers[i]->call({"LPUSH", "weir:{t}:versions", to_text(FleetVersion{9, "x", "y", 1})});
    bench.servers[2]->call({"LPUSH", "weir:{t}:versions", to_text(FleetVersion{5, "x", "y", 1})});
    CHECK(bench.push("aaa") == 0); // no stored configuration has number 9
    CHECK(bench.servers[2]->call({"LLEN", "weir:{t}:versions"}).number == 1);
}

TEST_CASE("breaking a lock breaks all its slots and the view shows the holders") {
    Bench bench;
    const TempDirectory state;
    RedisLock lock(bench.context.get_executor(), bench.servers[0]->options(), LeaseTerms{"t", milliseconds(9000), 0, 3},
                   AsyncFenceStore(bench.context.get_executor(), state.path));
    REQUIRE(wait_for(bench.context, lock.try_acquire("lb-3:7")).has_value());
    CHECK(bench.view().parallel == std::vector<std::string>{"lb-3:7"});
    CHECK(*wait_for(bench.context, bench.records->break_lock({0, "", "lb-1", {}, "stuck", 9, 0})) == 1);
    CHECK(bench.view().parallel.empty());
    CHECK(bench.servers[0]->call({"EXISTS", "weir:{t}:lock:3"}).number == 0);
}
