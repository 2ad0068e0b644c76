#include "conf/model/redact.h"
#include "conf/plan/plan.h"
#include "conf/read/load.h"
#include "tests/catch.h"

using namespace weir::conf;

namespace {

const std::string base_config = "listeners: {web: {address: \"127.0.0.1:1\", pool: a}}\n"
                                "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n";

std::optional<std::string> look_up(const std::string& name) {
    if (name == "TOKEN") return "hunter2-hunter2";
    if (name == "WORD") return "pw";
    if (name == "EMPTY") return "";
    return std::nullopt;
}

Loaded load_base(const std::string& text) { return load_text(base_config + text, "weir.yaml", look_up); }

// Returns the whole text of a plan, or the errors.
std::string shown(const std::string& before, const std::string& after) {
    std::string out;
    const auto first = load_base(before), second = load_base(after);
    for (const auto& error : second.errors) out += error.text() + "\n";
    if (!second.ok()) return out;
    for (const auto& change : plan(describe(first.config), describe(second.config)).changes) {
        out += change.text() + "\n";
        for (const auto& field : change.fields) out += field.key + " " + field.after.value_or("") + "\n";
    }
    return out;
}

std::string route_with(const std::string& value) {
    return "routes: [{name: r, pool: a, request_headers: {set: {X-Key: " + value + "}}}]\n";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a default may hold another variable") {
    const auto value = [](const std::string& text) {
        const auto loaded = load_base(route_with("\"" + text + "\""));
        return loaded.ok() ? loaded.config.routes[0].request_headers.set[0].second : loaded.errors.at(0).text();
    };
    CHECK(value("${A:-${TOKEN}}") == "hunter2-hunter2");
    CHECK(value("${EMPTY:-x${B:-${C:-y}}z}!") == "xyz!");
    CHECK(value("${WORD:-${NOT_SET}}") == "pw");
    CHECK(has(value("${A:-${NOT_SET}}"), "NOT_SET is not set"));
    CHECK(has(value("${A:-${B}"), "not closed"));
    std::string deep = "x";
    for (int i = 0; i < 20; ++i) deep = "${A:-" + deep + "}";
    CHECK(has(value(deep), "at most 8 levels"));
}

TEST_CASE("a plan shows the name of a variable and never its value") {
    const auto text = shown("", route_with("\"a ${TOKEN}\""));
    CHECK(has(text, "a ${TOKEN} (sha256:"));
    CHECK_FALSE(has(text, "hunter2"));
    CHECK_FALSE(has(shown("", "process: {state_dir: \"/var/${TOKEN}\"}\n"), "hunter2"));
    CHECK_FALSE(has(shown("", "admin: {address: \"127.0.0.1:3\", hosts: [a, \"${TOKEN}\"]}\n"), "hunter2"));
}

TEST_CASE("a value that moves into a variable is unchanged, another value changed") {
    CHECK(shown(route_with("hunter2-hunter2"), route_with("\"${TOKEN}\"")).empty());
    CHECK(shown(route_with("\"${TOKEN}\""), route_with("\"${A:-hunter2-hunter2}\"")).empty());
    CHECK_FALSE(shown(route_with("\"${TOKEN}\""), route_with("other")).empty());
}

TEST_CASE("a plan hides credential headers, even if the file has them in clear") {
    for (const std::string name : {"Authorization", "proxy-authorization", "Cookie", "X-Api-Key", "X-Auth-Token"}) {
        INFO(name);
        const auto with = [&](const std::string& value) {
            return "routes: [{name: r, pool: a, request_headers: {set: {" + name + ": " + value + "}}}]\n";
        };
        const auto text = shown(with("clear-one"), with("clear-two"));
        CHECK(has(text, "sha256:"));
        CHECK_FALSE(has(text, "clear"));
    }
    CHECK(has(shown("", "routes: [{name: r, pool: a, request_headers: {set: {X-Color: red}}}]\n"), "red"));
}

TEST_CASE("errors about URL addresses do not show user and password") {
    for (const std::string url :
         {"http://user:hunter2@127.0.0.1:1", "redis://:hunter2@h:1", "a://u:p@hunter2@h", "a://hunter2/x@h"}) {
        const auto text = shown("", "admin: {address: \"" + url + "\"}\nlogging: {level: \"" + url + "\"}\n");
        INFO(text);
        CHECK(has(text, "://***@"));
        CHECK_FALSE(has(text, "hunter2"));
    }
    CHECK(redact("redis://10.0.0.5:6379/0: no answer from a@b", {}) == "redis://10.0.0.5:6379/0: no answer from a@b");
    CHECK(redact("see http://a/b \"x@y\"", {}) == "see http://a/b \"x@y\"");
}

TEST_CASE("an error about an address hides its password, with a scheme or without") {
    for (const std::string address :
         {"user:hunter2@h:80", "user:hunter2@h", "user:hunter2@[::1]:80", "user:hunter2@10.0.0.1:80", ":hunter2@h:80",
          "u:hun@hunter2@h:80", "hunter2:hunter2@h:x", "http://user:hunter2@h", "http://user:hunter2@h:80"}) {
        for (const auto& file :
             {"pools: {a: {backends: [\"" + address + "\"]}}\n",
              "pools: {a: {backends: [{address: \"" + address + "\"}]}}\n", "admin: {address: \"" + address + "\"}\n",
              "listeners: {web: {address: \"" + address + "\", pool: a}}\n",
              "logging: {level: \"" + address + "\"}\n"}) {
            const auto loaded = load_text(file, "weir.yaml", look_up);
            INFO(file);
            REQUIRE_FALSE(loaded.errors.empty());
            for (const auto& error : loaded.errors) CHECK_FALSE(has(error.text(), "hunter2"));
        }
    }
    const auto with_user = load_text("pools: {a: {backends: [\"user@h:80\"]}}\n", "weir.yaml", look_up);
    CHECK(has(with_user.errors.at(0).text() + with_user.errors.back().text(), "\"user@h\" is not an IP address"));
    CHECK(redact("10.0.0.1:80: \"u:p@h:80\", u:p@h, user@h and unix:/run/a@b", {}) ==
          "10.0.0.1:80: \"***@h:80\", ***@h, user@h and unix:/run/a@b");
}

TEST_CASE("an error about a value that comes from a variable names the variable") {
    for (const std::string wrong :
         {"process: {workers: \"${TOKEN}\"}\n", "timeouts: {connect: \"${TOKEN}\"}\n",
          "logging: {level: \"${TOKEN}\"}\n", "logging: {level: \"${WORD}\"}\n", "limits: {header_size: \"${WORD}\"}\n",
          "admin: {address: \"${TOKEN}:80\"}\n", "admin: {address: \"127.0.0.1:3\", hosts: [\"${TOKEN}/\"]}\n",
          "routes: [{name: r, pool: \"${TOKEN}\"}]\n", "routes: [{name: r, pool: \"${WORD}\"}]\n"}) {
        const auto text = shown("", wrong);
        INFO(text);
        CHECK((has(text, "TOKEN") || has(text, "WORD")));
        CHECK_FALSE(has(text, "hunter2"));
        CHECK_FALSE(has(text, "\"pw\""));
    }
    const auto loaded = load_base(route_with("\"${TOKEN}\""));
    CHECK(loaded.format({"routes[0]", "cannot use hunter2-hunter2"}) ==
          "weir.yaml:3:10: routes[0]: cannot use ${TOKEN}");
}
