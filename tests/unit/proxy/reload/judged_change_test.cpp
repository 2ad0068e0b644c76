#include "proxy/reload/judged_change.h"
#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy;

namespace {

// Replaces this machine's environment: no variable is set.
std::optional<std::string> no_variables(const std::string&) { return std::nullopt; }

std::string text(const std::string& backends, const std::string& rest = "") {
    return "listeners: {web: {address: \"127.0.0.1:8080\", pool: web}}\npools: {web: {backends: [" + backends +
           "]}}\n" + rest;
}

conf::Loaded load(const std::string& text) { return conf::load_sources({{"weir.yaml", text}}, no_variables); }

const std::string one = "\"10.0.0.1:80\"", two = "\"10.0.0.1:80\", \"10.0.0.2:80\"";

// Returns a snapshot with one backend.
Snapshot in_force() {
    auto loaded = load(text(one));
    Snapshot snapshot;
    snapshot.config = std::move(loaded.config);
    snapshot.hash = loaded.hash;
    return snapshot;
}

JudgedChange judge_text(const std::string& text) { return judge(load(text), in_force(), nullptr, Force::no); }

} // namespace

TEST_CASE("a change without errors has a plan and is not refused") {
    const auto change = judge_text(text(two));
    CHECK_FALSE(change.is_refused());
    CHECK(change.plan.changes.size() == 1);
    const auto report = report_of(change);
    CHECK(report.verdict == ReloadVerdict::unchanged); // nothing has been applied yet
    CHECK(report.hash == change.loaded.hash);
    CHECK(report.plan.changes.size() == 1);
}

TEST_CASE("a change of a comment has no effect") {
    const auto change = judge_text(text(one, "# a comment\n"));
    CHECK_FALSE(change.is_refused());
    CHECK(change.plan.empty());
    CHECK(change.loaded.hash != in_force().hash);
}

TEST_CASE("a file with errors is refused with all of them, for good") {
    const auto change = judge_text("listenerz: {}\npools: {web: {backends: [\"nonsense\"]}}\n");
    CHECK(change.refusal.reasons.size() > 1);
    CHECK(change.refusal.retry == RetryDecision::none);
    CHECK(change.plan.empty());
    const auto report = report_of(change);
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.errors == change.refusal.reasons);
}

TEST_CASE("a file that cannot be read is tried again, everywhere") {
    conf::Loaded loaded;
    loaded.files = {"weir.yaml"};
    loaded.errors.push_back({"weir.yaml", 0, 0, "", "cannot read it"});
    const auto change = judge(std::move(loaded), in_force(), nullptr, Force::no);
    CHECK(change.is_refused());
    CHECK(change.refusal.retry == RetryDecision::all);
}

TEST_CASE("a file with an include that cannot be read is tried again here") {
    auto loaded = load(text(two));
    loaded.files.push_back("conf.d/more.yaml");
    loaded.errors.push_back({"conf.d/more.yaml", 0, 0, "", "cannot read it"});
    const auto change = judge(std::move(loaded), in_force(), nullptr, Force::no);
    CHECK(change.refusal.retry == RetryDecision::locally);
}

TEST_CASE("a change that needs a restart is refused with what it changes") {
    const auto change = judge_text(text(two, "process: {workers: 7}\n"));
    REQUIRE(change.refusal.reasons.size() == 1);
    CHECK(change.refusal.reasons[0].find("needs a restart") != std::string::npos);
    CHECK(change.refusal.retry == RetryDecision::none);
    CHECK(change.plan.changes.size() == 2); // the plan also has the other changes
}

TEST_CASE("a configuration on the denylist is refused unless it is forced") {
    const auto loaded = load(text(two));
    const conf::DeniedConfig denied{loaded.hash, 0, 0, "pool web: 0 of 2 backends are healthy"};
    const auto change = judge(loaded, in_force(), &denied, Force::no);
    REQUIRE(change.refusal.reasons.size() == 1);
    CHECK(change.refusal.reasons[0] ==
          "this configuration was rolled back at 1970-01-01T00:00:00Z: pool web: 0 of 2 backends are healthy; change "
          "it, or override: weir reload --force");
    CHECK_FALSE(judge(loaded, in_force(), &denied, Force::yes).is_refused());
}

TEST_CASE("what is in force is not refused for the denylist") {
    const auto loaded = load(text(one));
    const conf::DeniedConfig denied{loaded.hash, 0, 0, "a reason"};
    CHECK_FALSE(judge(loaded, in_force(), &denied, Force::no).is_refused());
}
