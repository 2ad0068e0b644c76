#include "balancer/algorithms/algorithm.h"
#include "balancer/algorithms/stable_hash.h"
#include "conf/model/scalar.h"
#include "tests/catch.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <utility>

using namespace weir::balancer;
using Which = weir::conf::Algorithm;

namespace {

// Candidates with loads that a test sets, and one algorithm over them.
class Bench final : public Loads {
public:
    Bench(Which which, const std::vector<std::uint32_t>& weights) : loads(weights.size()) {
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            candidates.push_back({weights[i]});
            entries.push_back({"backend-" + std::to_string(i), weights[i]});
        }
        algorithm = prepare_algorithm(which, entries)();
        algorithm->refresh(candidates);
    }

    std::size_t choose(std::uint64_t key = 0) { return algorithm->choose(candidates, {key, random, *this}); }
    std::vector<int> choose_many(int count) {
        std::vector<int> got(candidates.size());
        for (int i = 0; i < count; ++i) ++got[choose(random.next())];
        return got;
    }
    void change(std::size_t candidate, Candidate to) {
        candidates[candidate] = to;
        algorithm->refresh(candidates);
    }

    std::vector<Candidate> candidates;
    std::vector<std::uint64_t> loads;
    std::unique_ptr<Algorithm> algorithm;
    Random random{42};

private:
    std::uint64_t of(std::size_t candidate) const override { return loads[candidate]; }
};

// A new algorithm is tested with the others without being named here.
std::vector<Which> all_algorithms() {
    std::vector<Which> all;
    for (const auto& word : weir::conf::Words<Which>::all) all.push_back(*word.value);
    return all;
}

const auto all = all_algorithms();

} // namespace

TEST_CASE("every algorithm gives each candidate its weight's share within 5%") {
    for (const auto which : all)
        for (const auto& weights :
             std::vector<std::vector<std::uint32_t>>{{1, 1, 1, 1}, {1, 2, 3}, {10, 20, 10}, {256, 128}}) {
            Bench bench(which, weights);
            const int count = 40'000;
            const auto got = bench.choose_many(count);
            const auto sum = std::accumulate(weights.begin(), weights.end(), 0u);
            INFO(static_cast<int>(which));
            for (std::size_t i = 0; i < weights.size(); ++i)
                CHECK(got[i] == Approx(count * double(weights[i]) / sum).epsilon(0.05));
        }
}

TEST_CASE("no algorithm chooses a candidate that is not eligible") {
    for (const auto which : all) {
        Bench bench(which, {1, 5, 1, 1});
        bench.change(1, {5, false});
        bench.change(3, {1, false});
        const auto got = bench.choose_many(1000);
        INFO(static_cast<int>(which));
        CHECK(got[1] == 0);
        CHECK(got[3] == 0);
        CHECK(got[0] + got[2] == 1000);
    }
}

TEST_CASE("a candidate at a tenth of its weight gets a tenth of its share") {
    for (const auto which : all) {
        Bench bench(which, {1, 1});
        bench.change(1, {1, true, 10});
        const auto got = bench.choose_many(20'000);
        INFO(static_cast<int>(which));
        CHECK(got[1] == Approx(20'000 * 1.0 / 11).epsilon(0.1));
    }
}

TEST_CASE("all candidates at a tenth of their weight share evenly") {
    for (const auto which : all) {
        Bench bench(which, {1, 1});
        bench.change(0, {1, true, 10});
        bench.change(1, {1, true, 10});
        INFO(static_cast<int>(which));
        CHECK(bench.choose_many(10'000)[0] == Approx(5000).epsilon(0.05));
    }
}

TEST_CASE("least_connections takes the least load for its weight") {
    Bench bench(Which::least_connections, {1, 2, 1});
    bench.loads = {3, 4, 5};
    CHECK(bench.choose() == 1); // its load is 2 per unit of weight
    bench.loads = {3, 8, 2};
    CHECK(bench.choose() == 2);
    bench.change(2, {1, false});
    CHECK(bench.choose() == 0);
}

TEST_CASE("least_connections keeps loads level while requests come and stay") {
    Bench bench(Which::least_connections, {1, 2, 3});
    for (int i = 0; i < 600; ++i) ++bench.loads[bench.choose()];
    CHECK(bench.loads == std::vector<std::uint64_t>{100, 200, 300});
}

TEST_CASE("two_choices keeps loads far more level than chance does") {
    const auto spread = [](Which which) {
        Bench bench(which, std::vector<std::uint32_t>(20, 1));
        for (int i = 0; i < 20'000; ++i) ++bench.loads[bench.choose()];
        return *std::max_element(bench.loads.begin(), bench.loads.end()) -
               *std::min_element(bench.loads.begin(), bench.loads.end());
    };
    CHECK(spread(Which::two_choices) <= 8);
    CHECK(spread(Which::random) >= 40);
}

TEST_CASE("the hash sends one key to one candidate, whatever the others' order") {
    const std::vector<Entry> entries{{"a"}, {"b"}, {"c"}}, turned{{"c"}, {"a"}, {"b"}};
    Bench bench(Which::hash, {1, 1, 1});
    const auto one = prepare_algorithm(Which::hash, entries)(), other = prepare_algorithm(Which::hash, turned)();
    for (std::uint64_t key = 0; key < 1000; ++key) {
        const auto chosen = one->choose(bench.candidates, {key, bench.random, bench});
        CHECK(entries[chosen].name == turned[other->choose(bench.candidates, {key, bench.random, bench})].name);
        CHECK(chosen == one->choose(bench.candidates, {key, bench.random, bench}));
    }
}

TEST_CASE("a backend that joins a hash takes its share and moves no other key") {
    // It must take at most 1.2 times its share.
    constexpr int keys = 50'000;
    for (const std::size_t n : {2u, 3u, 5u, 10u, 30u, 100u}) {
        Bench before(Which::hash, std::vector<std::uint32_t>(n, 1));
        Bench after(Which::hash, std::vector<std::uint32_t>(n + 1, 1));
        int moved = 0, astray = 0;
        for (int i = 0; i < keys; ++i) {
            const auto key = stable_hash("client-" + std::to_string(i));
            const auto was = before.choose(key), is = after.choose(key);
            moved += was != is;
            astray += was != is && is != n;
        }
        INFO(n << " backends, " << moved << " keys moved");
        CHECK(astray == 0);
        CHECK(moved <= keys * 1.2 / static_cast<double>(n));
        CHECK(moved > 0);
    }
}

TEST_CASE("a hash moves only the keys that a changed share grows or shrinks by") {
    struct Row {
        std::vector<std::uint32_t> before, after;
        double due; // share of the keys that must move
    };
    const Row rows[] = {
        {{100, 100, 100}, {100, 100, 101}, 101.0 / 301 - 1.0 / 3},
        {{100, 100, 100}, {100, 100, 99}, 1.0 / 3 - 99.0 / 299},
        {{100, 100, 100}, {100, 100, 100, 1}, 1.0 / 301},
        {{200, 200}, {200, 200, 1}, 1.0 / 401},
        {{1, 1, 1}, {1, 1, 2}, 0.5 - 1.0 / 3},
        {{256, 1}, {256, 2}, 2.0 / 258 - 1.0 / 257},
        {{4, 4, 4, 4}, {4, 4, 4, 5}, 5.0 / 17 - 0.25},
        {{3, 5, 7}, {3, 5}, 7.0 / 15},
    };
    for (const auto& row : rows) {
        Bench before(Which::hash, row.before), after(Which::hash, row.after);
        const auto changed = std::max(row.before.size(), row.after.size()) - 1; // only the last one changes
        constexpr int keys = 200'000;
        int moved = 0, astray = 0;
        for (int i = 0; i < keys; ++i) {
            const auto key = stable_hash("client-" + std::to_string(i));
            const auto was = before.choose(key), is = after.choose(key);
            moved += was != is;
            astray += was != is && was != changed && is != changed;
        }
        INFO("weight of the last: " << (row.after.size() < row.before.size() ? 0 : row.after.back()));
        CHECK(astray == 0);
        CHECK(moved == Approx(keys * row.due).epsilon(0.2));
    }
}

TEST_CASE("the keys of a missing candidate spread over all others and return") {
    Bench bench(Which::hash, std::vector<std::uint32_t>(8, 1));
    std::map<std::uint64_t, std::size_t> home;
    for (std::uint64_t key = 0; key < 8000; ++key) home[key] = bench.choose(key);
    bench.change(3, {1, false});
    std::set<std::size_t> guests;
    for (const auto& [key, candidate] : home) {
        const auto now = bench.choose(key);
        if (candidate == 3) guests.insert(now);
        else CHECK(now == candidate);
    }
    CHECK(guests.size() == 7);
    bench.change(3, {1});
    for (const auto& [key, candidate] : home) CHECK(bench.choose(key) == candidate);
}

TEST_CASE("slow start keeps the keys that a candidate has got") {
    Bench bench(Which::hash, {1, 1, 1, 1});
    std::set<std::uint64_t> had;
    for (const std::uint32_t slow_start_factor : {10u, 30u, 60u, 100u}) {
        bench.change(2, {1, true, slow_start_factor});
        std::set<std::uint64_t> has;
        for (std::uint64_t key = 0; key < 4000; ++key)
            if (bench.choose(key) == 2) has.insert(key);
        CHECK(std::includes(has.begin(), has.end(), had.begin(), had.end()));
        CHECK(has.size() > had.size());
        had = std::move(has);
    }
}

TEST_CASE("hashes are the same on every machine and in every version") {
    CHECK(stable_hash("") == 0xefd01f60ba992926);
    CHECK(stable_hash("weir") == stable_hash(std::string("we") + "ir"));
    CHECK(stable_hash("weir") != stable_hash("wier"));
}
