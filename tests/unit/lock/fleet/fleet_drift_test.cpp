#include "lock/fleet/fleet_drift.h"
#include "tests/catch.h"

using namespace weir::lock;
using namespace std::chrono_literals;

namespace {

FleetMember member(const std::string& name, const std::string& hash, MemberState state = MemberState::serving) {
    FleetMember member;
    member.name = name;
    member.hash = hash;
    member.state = state;
    return member;
}

FleetView view_of(std::vector<FleetMember> members, const std::string& holder = "") {
    FleetView view;
    view.members = std::move(members);
    view.holder = holder;
    return view;
}

bool has(const std::optional<std::string>& text, const std::string& part) {
    return text && text->find(part) != std::string::npos;
}

const std::string one(64, '1'), two(64, '2');

} // namespace

TEST_CASE("members with different texts are named with the remedy, the most first") {
    const auto told = describe_drift(view_of({member("lb-0", one), member("lb-1", two), member("lb-2", two)}));
    CHECK(has(told, ": lb-1, lb-2 run 222222222222; lb-0 runs 111111111111. "));
    CHECK(has(told, "${NAME}"));
    CHECK_FALSE(describe_drift(view_of({member("lb-0", one), member("lb-1", one)})));
    CHECK_FALSE(describe_drift(view_of({member("lb-0", one), member("lb-1", two, MemberState::stopping)})));
    CHECK_FALSE(describe_drift(view_of({})));
    std::vector<FleetMember> many;
    for (int i = 100; i < 120; ++i)
        many.push_back(member("lb-" + std::to_string(i), i < 110 ? one : std::to_string(i)));
    const auto long_told = describe_drift(view_of(many));
    CHECK(has(long_told, "lb-107 and 2 more run 111111111111; lb-110 runs 110; "));
    CHECK(has(long_told, "; and 7 more configurations. "));
}

TEST_CASE("a change that moves from machine to machine is no drift") {
    const auto changed = member("lb-0", one), before = member("lb-1", two);
    CHECK_FALSE(describe_drift(view_of({changed, before}, "lb-1:7")));
    CHECK_FALSE(describe_drift(view_of({changed, member("lb-1", two, MemberState::watching)})));
    auto parallel = view_of({changed, before});
    parallel.parallel = {"lb-1:7"};
    CHECK_FALSE(describe_drift(parallel));
    FleetDrift drift;
    const FleetDrift::Time start{};
    CHECK_FALSE(drift.look(view_of({changed, before}), start)); // the lock may be free only for a moment
    CHECK_FALSE(drift.look(view_of({changed, before}, "lb-1:7"), start + 10s));
    CHECK_FALSE(drift.look(view_of({changed, before}), start + 20s));
    CHECK_FALSE(drift.look(view_of({changed, before}), start + 34s));
    CHECK(drift.look(view_of({changed, before}), start + 35s));
}

TEST_CASE("drift is warned of once, and again after the members had agreed") {
    FleetDrift drift;
    const FleetDrift::Time start{};
    const auto apart = view_of({member("lb-0", one), member("lb-1", two)});
    CHECK_FALSE(drift.agree());
    CHECK_FALSE(drift.look(apart, start));
    CHECK(drift.look(apart, start + FleetDrift::settling));
    CHECK(drift.has_warned());
    CHECK_FALSE(drift.look(apart, start + 60s));
    CHECK(drift.agree());
    CHECK_FALSE(drift.agree());
    CHECK_FALSE(drift.look(apart, start + 70s));
    CHECK(drift.look(apart, start + 85s));
}
