#include "proxy/cli/plan_text.h"
#include "tests/catch.h"

#include <boost/json.hpp>

using namespace weir::proxy::cli;
namespace json = boost::json;

namespace {

json::object make_plan(const char* verdict) {
    return {{"verdict", verdict},         {"changes", json::array()}, {"needs_restart", false}, {"denylisted", false},
            {"overrides", json::array()}, {"notes", json::array()},   {"errors", json::array()}};
}

json::object make_change(const char* text, const char* effect, bool needs_restart) {
    return {{"text", text}, {"effect", effect}, {"needs_restart", needs_restart}};
}

} // namespace

TEST_CASE("a plan without changes is one line") {
    CHECK(plan_text(make_plan("unchanged")) == "nothing would change\n");
}

TEST_CASE("a plan lists changes, overrides and notes in this order") {
    auto plan = make_plan("applied");
    plan["changes"] = json::array{make_change("~ timeouts: connect 3s → 1s", "", false)};
    plan["overrides"] = json::array{json::object{{"text", "override web/b (drain) is kept"}}};
    plan["notes"] = {"the lock is held by lb-2"};
    CHECK(plan_text(plan) ==
          "~ timeouts: connect 3s → 1s\noverride web/b (drain) is kept\nnote: the lock is held by lb-2\n");
}

TEST_CASE("a plan says what needs a restart and that a reload would be refused") {
    auto plan = make_plan("refused");
    plan["changes"] = json::array{make_change("~ process: workers 2 → 3 (needs a restart)", "started once", true)};
    CHECK(plan_text(plan) ==
          "~ process: workers 2 → 3 (needs a restart)\n    started once\na reload would be refused\n");
    plan["needs_restart"] = true;
    CHECK(plan_text(plan).ends_with("a reload would be refused: some of the changes need a restart\n"));
}

TEST_CASE("a plan says that a configuration is on the denylist") {
    auto plan = make_plan("refused");
    plan["denylisted"] = true;
    CHECK(plan_text(plan) == "a reload would be refused without --force: this configuration is on the denylist\n");
}
