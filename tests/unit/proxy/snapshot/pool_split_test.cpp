#include "proxy/snapshot/pool_split.h"
#include "tests/catch.h"

#include <string>
#include <vector>

using weir::conf::ClientKey;
using weir::proxy::http::PoolSplit;

namespace {

constexpr std::uint64_t last_place = ~std::uint64_t{0};

PoolSplit split(std::vector<PoolSplit::Part> parts, const std::string& salt = "r") {
    return {std::move(parts), ClientKey{}, salt};
}

} // namespace

TEST_CASE("places are divided by the shares, in their order") {
    const auto parts = split({{7, 0}, {3, 25}, {5, 75}, {6, 0}});
    CHECK(parts.part_at(0) == 1);
    CHECK(parts.part_at(last_place / 4 - 1) == 1);
    CHECK(parts.part_at(last_place / 4 + 1) == 2);
    CHECK(parts.part_at(last_place) == 2);
    CHECK(split({{0, 100}}).part_at(last_place) == 0);
}

TEST_CASE("clients are spread by their shares and stay where they are") {
    const auto before = split({{0, 90}, {1, 10}}), after = split({{0, 70}, {1, 30}});
    int second = 0, moved_away = 0;
    for (int i = 0; i < 10'000; ++i) {
        const auto point = before.point_of("client" + std::to_string(i));
        CHECK(point == after.point_of("client" + std::to_string(i)));
        if (before.part_at(point) == 1) ++second;
        if (before.part_at(point) == 1 && after.part_at(point) == 0) ++moved_away;
    }
    CHECK(second > 850);
    CHECK(second < 1150);
    CHECK(moved_away == 0);
}

TEST_CASE("splits with different salts are independent") {
    const auto one = split({{0, 50}, {1, 50}}, "one"), other = split({{0, 50}, {1, 50}}, "other");
    int same = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto client = std::to_string(i);
        same += one.part_at(one.point_of(client)) == other.part_at(other.point_of(client));
    }
    CHECK(same > 400);
    CHECK(same < 600);
}

TEST_CASE("a client's place is the same on every machine and in every version") {
    CHECK(split({{0, 100}}).point_of("client") == 0xc3f0ed674a525ea4);
}
