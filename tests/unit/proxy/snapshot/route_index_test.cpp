#include "proxy/snapshot/route_index.h"

#include "proxy/http1/chars.h"
#include "tests/catch.h"

#include <numeric>
#include <random>

using namespace weir::proxy::http;

namespace {

std::vector<std::size_t> all_of(const std::vector<weir::conf::Route>& routes) {
    std::vector<std::size_t> positions(routes.size());
    std::iota(positions.begin(), positions.end(), std::size_t{0});
    return positions;
}

constexpr auto always = [](std::size_t) { return true; };

weir::conf::Route make_route(std::vector<std::string> hosts, std::string prefix) {
    weir::conf::Route route;
    route.match.hosts = std::move(hosts);
    route.match.path_prefix = std::move(prefix);
    return route;
}

bool path_matches(const weir::conf::Match& match, std::string_view path) {
    if (!match.path.empty()) return path == match.path;
    const std::string_view prefix = match.path_prefix;
    if (!path.starts_with(prefix)) return false;
    return prefix.empty() || prefix.back() == '/' || path.size() == prefix.size() || path[prefix.size()] == '/';
}

// The reference that the index must agree with. It checks one route after the other. Routes with conditions hold if
// their bit is set.
std::size_t scan(const std::vector<weir::conf::Route>& routes, std::string_view host, std::string_view path,
                 unsigned held) {
    const auto host_matches = [&](std::string_view pattern) {
        if (!pattern.starts_with("*.")) return same_name(host, pattern);
        const auto tail = pattern.substr(1);
        return host.size() > tail.size() && same_name(host.substr(host.size() - tail.size()), tail);
    };
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const auto& match = routes[i].match;
        if (path_matches(match, path) && (match.methods.empty() || (held >> i & 1) != 0) &&
            (match.hosts.empty() || std::any_of(match.hosts.begin(), match.hosts.end(), host_matches)))
            return i;
    }
    return RouteIndex::none;
}

// A path that counts how often one of its bytes is read.
struct CountedPath {
    std::string_view text;
    std::size_t* reads;
    std::size_t size() const { return text.size(); }
    char operator[](std::size_t i) const { return ++*reads, text[i]; }
};

} // namespace

TEST_CASE("an index of routes finds what a scan in file order finds") {
    std::mt19937 random(7);
    const auto pick = [&](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
    };
    const auto word = [&](std::size_t most, std::string_view letters) {
        std::string text;
        for (auto left = pick(most + 1); left > 0; --left) text.push_back(letters[pick(letters.size())]);
        return text;
    };
    const auto host = [&] { return word(5, "ab.B"); };
    int found = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<weir::conf::Route> routes;
        for (auto count = pick(12); count > 0; --count) {
            std::vector<std::string> hosts;
            for (auto left = pick(3); left > 0; --left) hosts.push_back(pick(2) ? "*." + word(3, "ab.") : host());
            auto& match = routes.emplace_back(make_route(std::move(hosts), "")).match;
            if (pick(4)) (pick(3) ? match.path_prefix : match.path) = "/" + word(3, "ab/\xff");
            if (pick(2)) match.methods = {"GET"};
        }
        const RouteIndex index(routes, all_of(routes));
        for (int i = 0; i < 40; ++i) {
            const auto asked = host(), path = "/" + word(5, "ab/\xff");
            INFO(asked << " " << path);
            const auto held = static_cast<unsigned>(pick(1 << 12));
            const auto expected = scan(routes, asked, path, held);
            REQUIRE(index.find(asked, path, [&](std::size_t at) { return (held >> at & 1) != 0; }) == expected);
            found += expected != RouteIndex::none;
        }
    }
    CHECK(found > 1000);
}

TEST_CASE("a look-up among 10,000 routes reads hardly more than one among 10") {
    const auto reads_among = [](std::size_t count) {
        std::vector<weir::conf::Route> routes;
        for (std::size_t i = 0; i < count; ++i) routes.push_back(make_route({}, "/service/" + std::to_string(i) + "/"));
        const RouteIndex index(routes, all_of(routes));
        const auto path = "/service/" + std::to_string(count - 1) + "/users/17";
        std::size_t reads = 0;
        CHECK(index.find("any", CountedPath{path, &reads}, always) == count - 1);
        return reads;
    };
    CHECK(reads_among(10'000) <= 6 * reads_among(10)); // the logarithm is four times as large
}

TEST_CASE("a host of many labels costs no more than its length") {
    std::vector<weir::conf::Route> routes;
    std::string nested = "example.com";
    for (int depth = 0; depth < 20; ++depth) {
        routes.push_back(make_route({"*." + nested}, "/only/" + std::to_string(depth)));
        nested = "a." + nested;
    }
    const RouteIndex index(routes, all_of(routes));
    std::string host = "example.com";
    for (int i = 0; i < 8000; ++i) host = "a." + host;
    std::size_t reads = 0;
    CHECK(index.find(host, CountedPath{"/only/7", &reads}, always) == 7);
    CHECK(reads <= 20 * 4 * 7); // each nested pattern reads the path once, and none reads the host again
}

TEST_CASE("conditions are checked only for routes whose host and path match") {
    std::vector<weir::conf::Route> routes;
    for (std::size_t i = 0; i < 1000; ++i) {
        routes.push_back(make_route({}, "/service/" + std::to_string(i)));
        routes.back().match.methods = {"POST"};
    }
    const RouteIndex index(routes, all_of(routes));
    std::size_t checks = 0;
    const auto holds = [&](std::size_t) { return ++checks, true; };
    CHECK(index.find("any", std::string_view("/service/17/x"), holds) == 17);
    CHECK(checks == 1);
}
