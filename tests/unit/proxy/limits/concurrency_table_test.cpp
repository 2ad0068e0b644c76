#include "proxy/limits/concurrency_table.h"

#include "base/sip_hash.h"
#include "tests/catch.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using weir::proxy::limits::ConcurrencySlot;
using weir::proxy::limits::ConcurrencyTable;

namespace {

std::uint64_t hash_of_client(std::size_t client) { return weir::sip_hash({3, 4}, std::to_string(client)); }

// The seats that one client holds.
class Holder {
public:
    Holder(ConcurrencyTable& table, std::uint64_t hash) : table_(table), hash_(hash) {}

    bool enter(std::uint32_t max) {
        const auto decision = table_.acquire(hash_, max);
        if (decision.slot) slots_.push_back(decision.slot);
        return decision.accepted;
    }
    void leave() {
        ConcurrencyTable::release(*slots_.back());
        slots_.pop_back();
    }
    std::size_t count() const { return slots_.size(); }

private:
    ConcurrencyTable& table_;
    std::uint64_t hash_;
    std::vector<ConcurrencySlot*> slots_;
};

} // namespace

TEST_CASE("a client over its maximum has a place again when a request ends") {
    ConcurrencyTable table(16);
    Holder client(table, hash_of_client(1));
    for (int i = 0; i < 3; ++i) CHECK(client.enter(3));
    CHECK_FALSE(client.enter(3));
    client.leave();
    CHECK(client.enter(3));
    CHECK_FALSE(client.enter(3));
    CHECK(client.count() == 3);
}

TEST_CASE("another maximum counts the requests that are in progress") {
    ConcurrencyTable table(16);
    Holder client(table, hash_of_client(1));
    for (int i = 0; i < 3; ++i) CHECK(client.enter(3));
    CHECK(client.enter(4));
    CHECK_FALSE(client.enter(2));
    for (int i = 0; i < 2; ++i) client.leave();
    CHECK_FALSE(client.enter(2));
    client.leave();
    CHECK(client.enter(2));
}

TEST_CASE("clients do not share their places") {
    ConcurrencyTable table(1024);
    std::vector<Holder> clients;
    for (std::size_t i = 0; i < 1000; ++i) clients.emplace_back(table, hash_of_client(i));
    for (int round = 0; round < 2; ++round)
        for (auto& client : clients) CHECK(client.enter(2));
    for (auto& client : clients) CHECK_FALSE(client.enter(2));
}

TEST_CASE("a full line refuses no client, and its clients keep their limits") {
    ConcurrencyTable table(1); // 8 slots
    std::vector<Holder> clients;
    for (std::size_t i = 0; i < 20; ++i) clients.emplace_back(table, hash_of_client(i));
    for (auto& client : clients) CHECK(client.enter(1));
    for (std::size_t i = 0; i < clients.size(); ++i) {
        INFO(i);
        CHECK(clients[i].count() == (i < 8 ? 1 : 0));
        CHECK(clients[i].enter(1) == (i >= 8)); // not counted, so not limited
    }
    clients[3].leave();
    CHECK(clients[19].enter(1));
    CHECK(clients[19].count() == 1);
    CHECK_FALSE(clients[19].enter(1));
    CHECK(clients[3].enter(1)); // its place is taken
    CHECK(clients[3].count() == 0);
}

TEST_CASE("workers that count at the same time never exceed the limit") {
    ConcurrencyTable table(1);
    constexpr std::uint32_t max = 2;
    constexpr int workers = 4, rounds = 20'000;
    std::atomic<std::uint32_t> inside[2] = {0, 0};
    std::atomic<int> too_many = 0, accepted = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i)
        threads.emplace_back([&, i] {
            for (int round = 0; round < rounds; ++round) {
                const std::size_t client = static_cast<std::size_t>(i + round) % 2;
                const auto decision = table.acquire(hash_of_client(client), max);
                if (!decision.accepted) continue;
                ++accepted;
                if (inside[client].fetch_add(1) >= max) ++too_many;
                inside[client].fetch_sub(1);
                ConcurrencyTable::release(*decision.slot);
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(too_many == 0);
    CHECK(accepted > 0);
    Holder left(table, hash_of_client(0)); // everything has been given back
    CHECK(left.enter(max));
    CHECK(left.enter(max));
    CHECK_FALSE(left.enter(max));
}

TEST_CASE("workers that count strangers in one line take no place of a client") {
    ConcurrencyTable table(1);
    Holder client(table, hash_of_client(1000));
    REQUIRE(client.enter(1));
    std::atomic<int> let_in = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            for (std::size_t round = 0; round < 10'000; ++round) {
                const auto decision = table.acquire(hash_of_client(i * 5 + round % 5), 3);
                if (decision.slot) ConcurrencyTable::release(*decision.slot);
                let_in += table.acquire(hash_of_client(1000), 1).accepted;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(let_in == 0);
    client.leave();
    CHECK(client.enter(1));
}
