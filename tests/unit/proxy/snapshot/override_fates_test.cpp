#include "proxy/snapshot/override_fates.h"

#include "conf/read/load.h"
#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy;

namespace {

// Makes a configuration of pools by name, each with backends as they are written in a file.
conf::Config config(const std::map<std::string, std::string>& pools) {
    std::string text = "listeners: {web: {address: \"127.0.0.1:80\", pool: " + pools.begin()->first + "}}\npools:\n";
    for (const auto& [name, backends] : pools) text += "  " + name + ": {backends: [" + backends + "]}\n";
    const auto loaded = conf::load_text(text, "weir.yaml");
    INFO(text);
    REQUIRE(loaded.ok());
    return loaded.config;
}

const std::string b1 = "{name: b1, address: \"10.0.0.1:80\"}", b2 = "{name: b2, address: \"10.0.0.2:80\"}";
const std::string b2_elsewhere = "{name: b2, address: \"10.0.0.9:80\"}",
                  renamed = "{name: b9, address: \"10.0.0.2:80\"}";

// Returns the overrides after an operator has drained web/b2, at 10.0.0.2.
Overrides drained() {
    Overrides operator_overrides;
    operator_overrides.set("web", "b2",
                           {conf::AdminState::drain, std::nullopt, *conf::BackendAddress::parse("10.0.0.2:80")});
    return operator_overrides;
}

OverrideFate fate(const std::map<std::string, std::string>& next) {
    return override_fates(drained(), {"web"}, config(next)).at(0);
}

} // namespace

TEST_CASE("an override belongs to a backend: its pool, its name and its address") {
    CHECK(fate({{"web", b1 + ", " + b2}}).text() == "override web/b2 (drain) is kept");
    CHECK(fate({{"web", b1}}).text() == "override web/b2 (drain) ends: the backend 10.0.0.2:80 is removed");
    CHECK(fate({{"web", b1 + ", " + b2_elsewhere}}).kind == OverrideFate::Kind::ends); // another backend with this name
}

TEST_CASE("an override follows its backend when that or its pool is renamed") {
    CHECK(fate({{"web", b1 + ", " + renamed}}).text() ==
          "override web/b2 (drain) moves to web/b9: the backend is renamed");
    CHECK(fate({{"site", b1 + ", " + b2}}).text() == "override web/b2 (drain) moves to site/b2: the pool is renamed");
    CHECK(fate({{"site", b1 + ", " + renamed}}).text() ==
          "override web/b2 (drain) moves to site/b9: the pool is renamed");
    CHECK(fate({{"one", b2}, {"two", b2}}).kind == OverrideFate::Kind::ends); // weir cannot tell which one it is
    const auto other = override_fates(drained(), {"web", "api"}, config({{"api", b2}})).at(0);
    CHECK(other.kind == OverrideFate::Kind::ends); // api existed before, so it is not a new name of web
}

TEST_CASE("two backends that swap their names keep their overrides") {
    auto operator_overrides = drained();
    operator_overrides.set("web", "b1", {std::nullopt, 7, *conf::BackendAddress::parse("10.0.0.1:80")});
    follow_renames(operator_overrides, {"web"},
                   config({{"web", "{name: b2, address: \"10.0.0.1:80\"}, {name: b1, address: \"10.0.0.2:80\"}"}}));
    CHECK(operator_overrides.find("web", "b1").state == conf::AdminState::drain);
    CHECK(operator_overrides.find("web", "b2").weight == 7);
}

TEST_CASE("an override of a backend that leaves is kept for a rollback") {
    // It has no effect in the canary window, and is dropped after it.
    auto operator_overrides = drained();
    const auto next = config({{"web", b1}});
    follow_renames(operator_overrides, {"web"}, next);
    const auto kept = operator_overrides.find("web", "b2");
    CHECK(kept.state == conf::AdminState::drain);
    CHECK_FALSE(is_override_in_force(next, "web", "b2", kept));
    CHECK(drop_ended(operator_overrides, next).size() == 1);
    CHECK(operator_overrides.all().empty());
}

TEST_CASE("a rename that is rolled back brings the override back to the old name") {
    auto operator_overrides = drained();
    const auto before = config({{"web", b1 + ", " + b2}});
    follow_renames(operator_overrides, {"web"}, config({{"site", b1 + ", " + b2}}));
    CHECK(operator_overrides.find("site", "b2").state == conf::AdminState::drain);
    follow_renames(operator_overrides, {"site"}, before);
    CHECK(operator_overrides.find("web", "b2").state == conf::AdminState::drain);
    CHECK(operator_overrides.find("site", "b2").is_empty());
}

TEST_CASE("an override of one address of a host name follows the renamed backend") {
    Overrides operator_overrides;
    operator_overrides.set("web", "b2@10.0.0.5",
                           {conf::AdminState::maint, std::nullopt, *conf::BackendAddress::parse("web.internal:80")});
    follow_renames(operator_overrides, {"web"}, config({{"web", "{name: b9, address: \"web.internal:80\"}"}}));
    CHECK(operator_overrides.find("web", "b9@10.0.0.5").state == conf::AdminState::maint);
}
