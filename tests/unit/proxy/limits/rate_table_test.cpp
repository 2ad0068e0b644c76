#include "base/sip_hash.h"
#include "proxy/limits/rate_table.h"
#include "tests/catch.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weir::proxy::limits::RateTable;

namespace {

const auto start = RateTable::Time(1000h);

std::uint64_t hash_of(std::size_t client) { return weir::sip_hash({1, 2}, std::to_string(client)); }

int accepted(RateTable& table, std::uint64_t client, RateTable::Time now, int requests) {
    int count = 0;
    for (int i = 0; i < requests; ++i) count += table.take(client, now).accepted;
    return count;
}

} // namespace

TEST_CASE("a client may use its burst at once, and its rate from then on") {
    RateTable table(10ms, 5, 16, start);
    const auto client = hash_of(1);
    CHECK(accepted(table, client, start, 20) == 5);
    CHECK(accepted(table, client, start + 9ms, 20) == 0);
    CHECK(accepted(table, client, start + 10ms, 20) == 1);
    CHECK(accepted(table, client, start + 45ms, 20) == 3);
    CHECK(accepted(table, client, start + 10s, 20) == 5);
}

TEST_CASE("over a long time, exactly the rate is accepted") {
    RateTable table(std::chrono::nanoseconds(333'333'333), 1, 16, start); // 3/s
    int count = 0;
    for (auto t = 0ms; t < 1000s; t += 7ms) count += table.take(hash_of(1), start + t).accepted;
    CHECK(count >= 2970); // a request comes up to 7 ms late
    CHECK(count <= 3001);
}

TEST_CASE("a refused client is told when it may come again") {
    RateTable table(100ms, 2, 16, start);
    const auto client = hash_of(1);
    CHECK(accepted(table, client, start, 2) == 2);
    const auto verdict = table.take(client, start + 40ms);
    CHECK_FALSE(verdict.accepted);
    CHECK(verdict.wait > 59ms);
    CHECK(verdict.wait <= 60ms + 100us); // a tick is 98 us
    CHECK(table.take(client, start + 40ms + verdict.wait + 100us).accepted);
}

TEST_CASE("refused requests cost a client nothing") {
    RateTable table(10ms, 1, 16, start);
    CHECK(accepted(table, hash_of(1), start, 1000) == 1);
    CHECK(accepted(table, hash_of(1), start + 10ms, 1) == 1);
}

TEST_CASE("clients do not share their limits") {
    RateTable table(1h, 2, 1024, start);
    for (std::size_t client = 0; client < 1000; ++client) CHECK(accepted(table, hash_of(client), start, 3) == 2);
    for (std::size_t client = 0; client < 1000; ++client) CHECK(accepted(table, hash_of(client), start, 1) == 0);
}

TEST_CASE("a full table forgets the clients that ask the least") {
    RateTable table(1s, 100, 4, start); // 32 slots
    const auto heavy = hash_of(1'000'000);
    CHECK(accepted(table, heavy, start, 200) == 100);
    for (std::size_t client = 0; client < 10'000; ++client) CHECK(table.take(hash_of(client), start).accepted);
    CHECK(accepted(table, heavy, start, 200) == 0);
}

TEST_CASE("a worker whose clock lags behind does not reset a limit") {
    RateTable table(10ms, 5, 16, start);
    const auto client = hash_of(1);
    const auto now = start + 10s;
    CHECK(accepted(table, client, now, 5) == 5);
    for (const auto lag : std::vector<std::chrono::microseconds>{1us, 100us, 5ms, 50ms, 900ms})
        CHECK(accepted(table, client, now - lag, 3) == 0);
    CHECK(accepted(table, client, now + 10ms, 3) == 1);
}

TEST_CASE("time that runs back or wraps refuses no client for long") {
    RateTable table(1ms, 10, 16, start);
    const auto client = hash_of(1);
    CHECK(accepted(table, client, start - 1s, 20) == 10);
    const auto wrapped = start + 1ms * (std::int64_t{1} << 30); // 2^30 intervals
    int refused = 0;
    for (auto at = wrapped - 3s; at < wrapped + 3s; at += 10ms) refused += !table.take(client, at).accepted;
    CHECK(refused <= 110);
}

TEST_CASE("workers that count at the same time accept no request too many") {
    RateTable table(1h, 1000, 16, start);
    std::atomic<int> count = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i) workers.emplace_back([&] { count += accepted(table, hash_of(7), start, 2000); });
    for (auto& worker : workers) worker.join();
    CHECK(count == 1000);
}
