#include "balancer/algorithms/smooth_round_robin.h"
#include "tests/catch.h"

#include <map>
#include <string>

using namespace weir::balancer;

TEST_CASE("weights 5, 1, 1 are spread out, not served in a row") {
    SmoothRoundRobin algorithm(3);
    const std::vector<Candidate> candidates{{5}, {1}, {1}};
    std::string order;
    for (int i = 0; i < 14; ++i) order += "abc"[algorithm.next(candidates)];
    CHECK(order == "aabacaaaabacaa");
}

TEST_CASE("each candidate gets exactly its weight over every whole round") {
    for (const auto& weights :
         std::vector<std::vector<std::uint32_t>>{{1, 1, 1}, {1, 2, 3}, {256, 1}, {7}, {3, 3, 5, 11}}) {
        SmoothRoundRobin algorithm(weights.size());
        std::vector<Candidate> candidates;
        std::uint32_t total = 0;
        for (const auto weight : weights) candidates.push_back({weight}), total += weight;
        std::vector<std::uint32_t> got(weights.size());
        for (std::uint32_t i = 0; i < total * 10; ++i) ++got[algorithm.next(candidates)];
        for (std::size_t i = 0; i < weights.size(); ++i) CHECK(got[i] == weights[i] * 10);
    }
}

TEST_CASE("a candidate that is out is skipped and the others stay even") {
    SmoothRoundRobin algorithm(3);
    std::vector<Candidate> candidates{{1}, {1, false}, {1}};
    std::map<std::size_t, int> got;
    for (int i = 0; i < 100; ++i) ++got[algorithm.next(candidates)];
    CHECK(got[0] == 50);
    CHECK(got[1] == 0);
    CHECK(got[2] == 50);
}

TEST_CASE("positions continue across changes of the members") {
    SmoothRoundRobin old(3);
    const std::vector<Candidate> three{{1}, {1}, {1}};
    CHECK(old.next(three) == 0);
    SmoothRoundRobin next(3);
    const std::ptrdiff_t same[] = {0, 1, 2};
    next.adopt(old, same);
    CHECK(next.next(three) == 1);
    SmoothRoundRobin fewer(2); // the first was removed
    const std::ptrdiff_t origin[] = {1, 2};
    fewer.adopt(next, origin);
    const std::vector<Candidate> two{{1}, {1}};
    CHECK(fewer.next(two) == 1); // the former third is next
}
