#include "proxy/snapshot/grpc_method_stats.h"
#include "tests/catch.h"

#include <map>
#include <string>
#include <thread>

using namespace weir::proxy;
using grpc::Status;

namespace {

using Table = std::map<std::string, GrpcMethodStats::Counts>;

Table read(const GrpcMethodStats& stats) {
    Table table;
    stats.each([&](const std::string& service, const std::string& method, const GrpcMethodStats::Counts& counts) {
        table[service + "/" + method] = counts;
    });
    return table;
}

std::uint64_t count_of(const Table& table, const std::string& name, Status status) {
    const auto found = table.find(name);
    return found == table.end() ? 0 : found->second[static_cast<std::size_t>(status)];
}

const std::string others = "other/other";

} // namespace

TEST_CASE("calls are counted by method and status, over all workers") {
    GrpcMethodStats stats(2);
    stats.count(0, "/a.A/Get", Status::ok, StatusSource::backend);
    stats.count(1, "/a.A/Get", Status::ok, StatusSource::backend);
    stats.count(1, "/a.A/Get?x", Status::not_found, StatusSource::backend);
    stats.count(0, "/a.A/Put", Status::internal, StatusSource::backend);
    const auto table = read(stats);
    CHECK(table.size() == 3);
    CHECK(count_of(table, "a.A/Get", Status::ok) == 2);
    CHECK(count_of(table, "a.A/Get", Status::not_found) == 1);
    CHECK(count_of(table, "a.A/Put", Status::internal) == 1);
}

TEST_CASE("a method gets its name once a backend has shown that it exists") {
    GrpcMethodStats stats(1);
    stats.count(0, "/a.A/Get", Status::unavailable, StatusSource::weir);
    for (const auto status : {Status::unimplemented, Status::unauthenticated, Status::permission_denied})
        stats.count(0, "/a.A/Get", status, StatusSource::backend);
    CHECK(read(stats).size() == 1);
    stats.count(0, "/a.A/Get", Status::ok, StatusSource::backend);
    stats.count(0, "/a.A/Get", Status::unavailable, StatusSource::weir); // now it has a name
    stats.count(0, "/a.A/Get", Status::unimplemented, StatusSource::backend);
    const auto table = read(stats);
    CHECK(count_of(table, "a.A/Get", Status::unavailable) == 1);
    CHECK(count_of(table, "a.A/Get", Status::unimplemented) == 1);
    CHECK(count_of(table, others, Status::unavailable) == 1);
    CHECK(count_of(table, others, Status::unimplemented) == 1);
}

TEST_CASE("paths that name no method are counted together") {
    GrpcMethodStats stats(1);
    for (const auto* path : {"/", "/a", "/a/b/c", "/a\"/b"}) stats.count(0, path, Status::ok, StatusSource::backend);
    CHECK(count_of(read(stats), others, Status::ok) == 4);
}

TEST_CASE("a route has 256 methods, and the rest are counted together") {
    GrpcMethodStats stats(1);
    for (int i = 0; i < 300; ++i) stats.count(0, "/a/m" + std::to_string(i), Status::ok, StatusSource::backend);
    auto table = read(stats);
    CHECK(table.size() == GrpcMethodStats::max_methods + 1);
    CHECK(count_of(table, others, Status::ok) == 300 - GrpcMethodStats::max_methods);
    stats.count(0, "/a/m0", Status::ok, StatusSource::backend); // those that have a name keep it
    CHECK(count_of(read(stats), "a/m0", Status::ok) == 2);
}

TEST_CASE("workers that meet the same methods at once count each of them once") {
    constexpr int workers = 4, methods = 200;
    GrpcMethodStats stats(workers);
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < workers; ++worker)
        threads.emplace_back([&, worker] {
            for (int i = 0; i < methods; ++i)
                stats.count(worker, "/a/m" + std::to_string(i), Status::ok, StatusSource::backend);
        });
    for (auto& thread : threads) thread.join();
    const auto table = read(stats);
    CHECK(table.size() == methods + 1);
    std::uint64_t sum = 0;
    for (const auto& [name, counts] : table) sum += counts[0];
    CHECK(sum == workers * methods);
}
