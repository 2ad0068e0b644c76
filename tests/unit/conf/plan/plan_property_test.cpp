#include "conf/plan/plan.h"
#include "tests/catch.h"
#include "tests/support/random_config.h"

#include <algorithm>
#include <map>

using namespace weir::conf;

namespace {

// Returns what a description says, without the parts of its order that have no meaning.
std::map<std::string, std::map<std::string, std::string>> meaning(const Description& description) {
    std::map<std::string, std::map<std::string, std::string>> out;
    for (const auto& item : description) {
        auto& fields = out[item.kind + " " + item.name];
        for (const auto& [key, value] : item.fields) fields[key] = value;
    }
    return out;
}

std::vector<std::string> routes(const Description& description) {
    std::vector<std::string> names;
    for (const auto& item : description)
        if (item.kind == "route") names.push_back(item.name);
    return names;
}

} // namespace

TEST_CASE("for any two configurations, the plan turns one into the other") {
    // A plan from a configuration to itself must be empty.
    std::mt19937 random(11);
    int changed = 0;
    for (int i = 0; i < 2000; ++i) {
        const auto before = describe(weir::tests::random_config(random)),
                   after = describe(weir::tests::random_config(random));
        const auto changes = plan(before, after);
        const auto applied = apply(changes, before);
        REQUIRE(meaning(applied) == meaning(after));
        REQUIRE(routes(applied) == routes(after));
        REQUIRE(plan(after, after).empty());
        REQUIRE(plan(applied, after).empty());
        changed += !changes.empty();
        for (const auto& change : changes.changes) REQUIRE_FALSE(change.text().empty());
    }
    CHECK(changed > 1900);
}
