#include "conf/plan/plan.h"
#include "conf/read/load.h"
#include "tests/catch.h"

using namespace weir::conf;

namespace {

Description described(const std::string& text) {
    const auto loaded = load_text(text, "weir.yaml", [](const std::string&) { return std::nullopt; });
    for (const auto& error : loaded.errors) INFO(error.text());
    REQUIRE(loaded.ok());
    return describe(loaded.config);
}

const std::string base = "listeners: {web: {address: \"127.0.0.1:1\", pool: a}}\n";

std::vector<std::string> plan_texts(const std::string& before, const std::string& after) {
    std::vector<std::string> texts;
    for (const auto& change : plan(described(base + before), described(base + after)).changes)
        texts.push_back(change.text());
    return texts;
}

} // namespace

TEST_CASE("the same configuration plans nothing") {
    const std::string text = "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    CHECK(plan_texts(text, text).empty());
    CHECK(plan_texts(text, "# a comment\n" + text).empty());
}

TEST_CASE("each kind of change is named with old and new") {
    const std::string before =
        "pools: {a: {backends: [\"127.0.0.1:2\", {name: x, address: \"127.0.0.1:3\"}], health_check: {fall: 3}}}\n";
    const auto texts =
        plan_texts(before, "pools: {a: {backends: [{name: x, address: \"127.0.0.1:3\", weight: 2}, \"127.0.0.1:4\"], "
                           "health_check: {fall: 5}}}\ntimeouts: {connect: 1s}\n");
    REQUIRE(texts.size() == 5);
    CHECK(texts[0] == "~ check a: fall 3 → 5 (each backend keeps its state until new probes change it)");
    CHECK(texts[1] == "~ backend a/x: weight 1 → 2 (health, counters and position are kept)");
    CHECK(texts[2].starts_with("+ backend a/127.0.0.1:4"));
    CHECK(texts[3] == "~ timeouts: connect 3s → 1s");
    CHECK(texts[4].starts_with("- backend a/127.0.0.1:2 (gets no new requests"));
}

TEST_CASE("what is fixed while weir runs needs a restart") {
    const std::string pools = "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    const auto change = plan(described(base + pools), described(base + pools + "process: {workers: 2}\n"));
    CHECK(change.needs_restart());
    CHECK(change.changes.at(0).text() == "~ process: workers auto → 2 (needs a restart)");
    CHECK_FALSE(
        plan(described(base + pools), described(base + pools + "limits: {header_count: 50}\n")).needs_restart());
}

TEST_CASE("a change that needs a restart says what the restart means") {
    const std::string pools = "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    const auto effect = [&](const std::string& after) {
        return plan(described(base + pools), described(base + pools + after)).changes.at(0).effect;
    };
    CHECK(effect("process: {workers: 2}\n") == "worker threads are started once, with the process");
    const auto state = effect("process: {max_connections: 5, state_dir: /elsewhere}\n");
    CHECK(state.starts_with("the limit is divided among the workers when they start; files in the old directory are "
                            "not moved: the fence, the denylist and the last good configuration"));
    CHECK(effect("process: {drain_timeout: 5s}\n") == "a graceful stop uses the value that weir was started with");
    CHECK(effect("admin: {address: \"127.0.0.1:3\"}\n").starts_with("the admin address is bound once"));
    CHECK(effect("admin: {address: \"127.0.0.1:3\", hosts: [a]}\n")
              .ends_with("; tokens and host names of the admin API are read once, at startup"));
}

TEST_CASE("a change of a backend's state says what becomes of its clients") {
    const auto text = [](const std::string& before, const std::string& after) {
        const auto pools = [](const std::string& state) {
            return "pools: {a: {backends: [{name: x, address: \"127.0.0.1:3\", state: " + state + "}]}}\n";
        };
        return plan_texts(pools(before), pools(after)).at(0);
    };
    CHECK(text("ready", "drain") ==
          "~ backend a/x: state ready → drain (gets no new clients; clients with a sticky cookie "
          "for it stay, and requests in flight finish; health, counters and position are kept)");
    CHECK(text("ready", "maint").find("connections that are still open after process.drain_timeout are closed") !=
          std::string::npos);
    CHECK(text("maint", "ready").find("(gets traffic again; health") != std::string::npos);
}

TEST_CASE("a change of the lock is made under the lock in force") {
    const std::string pools = "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    const auto texts = plan_texts(pools, pools + "reload: {lock: {ttl: 20s}}\n");
    CHECK(texts.at(0) ==
          "~ reload: lock.ttl 15s → 20s (this change still runs under the old lock; the new lock applies "
          "from the next change on)");
}

TEST_CASE("the order of routes is a change of its own") {
    const std::string pools = "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    const auto texts = plan_texts(pools + "routes: [{name: r1, pool: a}, {name: r2, pool: a}]\n",
                                  pools + "routes: [{name: r2, pool: a}, {name: r1, pool: a}]\n");
    REQUIRE(texts.size() == 1);
    CHECK(texts[0] == "~ routes: order r1, r2 → r2, r1 (first match wins)");
}

TEST_CASE("a secret is never shown, but a change of it is") {
    const auto with = [](const std::string& password) {
        return "pools: {a: {backends: [\"127.0.0.1:2\"]}}\nreload: {lock: {type: redis, servers: [{url: "
               "\"redis://h:1\", password: " +
               password + "}]}}\n";
    };
    const auto texts = plan_texts(with("hunter2"), with("hunter3"));
    REQUIRE(texts.size() == 1);
    CHECK(texts[0].find("hunter") == std::string::npos);
    CHECK(texts[0].find("password sha256:") != std::string::npos);
}
