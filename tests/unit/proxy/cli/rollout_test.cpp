#include "proxy/cli/rollout.h"
#include "tests/catch.h"

#include <boost/json.hpp>

using namespace weir::proxy::cli;
namespace json = boost::json;

namespace {

// A fleet as the admin API shows it, built step by step.
class FleetAgent {
public:
    FleetAgent& member(const char* name, const char* hash, int fence, const char* state = "serving",
                       const char* refused = "", int given = 1) {
        auto& members = value_["members"].as_array();
        std::erase_if(members_, [&](const json::value& m) { return m.at("name").as_string() == name; });
        members_.push_back({{"name", name},
                            {"hash", hash},
                            {"fence", fence},
                            {"state", state},
                            {"pushed_version", given},
                            {"takes_pushed", given > 0},
                            {"refused", refused},
                            {"reason", "why not"}});
        members = json::array(members_.begin(), members_.end());
        return *this;
    }
    FleetAgent& change(const char* member, const char* hash, const char* verdict, int took_ms) {
        auto& changes = value_["changes"].as_array();
        changes.insert(changes.begin(),
                       json::object{{"member", member}, {"hash", hash}, {"verdict", verdict}, {"took_ms", took_ms}});
        return *this;
    }
    FleetAgent& bad(const char* hash, const char* author) {
        value_["denylist"].as_array().push_back(
            json::object{{"hash", hash}, {"author", author}, {"reason", "pool web: down"}});
        return *this;
    }
    FleetAgent& version(int number) {
        auto& versions = value_["versions"].as_array();
        versions.insert(versions.begin(), json::object{{"version", number}, {"hash", "other"}});
        return *this;
    }
    const json::object& get() const { return value_; }

private:
    std::vector<json::value> members_;
    json::object value_{{"members", json::array()},
                        {"changes", json::array()},
                        {"denylist", json::array()},
                        {"versions", json::array()}};
};

std::vector<std::string> texts(const std::vector<Rollout::Step>& steps) {
    std::vector<std::string> all;
    for (const auto& step : steps) all.push_back(to_text(step));
    return all;
}

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("a rollout reports each machine once, at its verdict, in fence order") {
    Rollout rollout("aaaaaaaaaaaaaaaa", 1);
    FleetAgent fleet;
    fleet.member("lb-1", "old", 1).member("lb-2", "old", 2).member("lb-3", "old", 3);
    CHECK(rollout.look(fleet.get()).empty());
    fleet.member("lb-2", "aaaaaaaaaaaaaaaa", 4, "watching");
    CHECK(rollout.look(fleet.get()).empty());
    CHECK(rollout.waits_for() == "lb-2 is watching");
    fleet.member("lb-2", "aaaaaaaaaaaaaaaa", 4).change("lb-2", "aaaaaaaaaaaaaaaa", "good", 1234);
    CHECK(texts(rollout.look(fleet.get())) == Lines{"[1/3] lb-2 good aaaaaaaaaaaa in 1.2s"});
    CHECK(rollout.look(fleet.get()).empty());
    CHECK_FALSE(rollout.is_over());
    fleet.member("lb-1", "aaaaaaaaaaaaaaaa", 6)
        .change("lb-1", "aaaaaaaaaaaaaaaa", "good", 60)
        .member("lb-3", "aaaaaaaaaaaaaaaa", 5)
        .change("lb-3", "aaaaaaaaaaaaaaaa", "good", 40);
    CHECK(texts(rollout.look(fleet.get())) ==
          Lines{"[2/3] lb-3 good aaaaaaaaaaaa in 0.0s", "[3/3] lb-1 good aaaaaaaaaaaa in 0.1s"});
    CHECK((rollout.is_over() && rollout.went_well()));
}

TEST_CASE("a rollout that was rolled back is over and has failed") {
    Rollout rollout("bad", 1);
    FleetAgent fleet;
    fleet.member("lb-1", "old", 1).member("lb-2", "old", 2).change("lb-1", "bad", "bad", 3000).bad("bad", "lb-1");
    const auto steps = rollout.look(fleet.get());
    CHECK(texts(steps) == Lines{"[1/2] lb-1 bad bad in 3.0s: pool web: down"});
    CHECK(
        to_json_line(steps[0]) ==
        R"({"number":1,"of":2,"member":"lb-1","verdict":"bad","hash":"bad","took_ms":3000,"reason":"pool web: down"})");
    CHECK((rollout.is_over() && !rollout.went_well()));
    CHECK(rollout.look(fleet.get()).empty());
}

TEST_CASE("a machine that refuses this version is reported, earlier refusals not") {
    Rollout rollout("aaa", 2);
    FleetAgent fleet;
    fleet.member("lb-1", "aaa", 4, "serving", "", 2)
        .member("lb-2", "old", 2, "serving", "aaa", 1)
        .member("lb-3", "old", 1, "stopping");
    CHECK(texts(rollout.look(fleet.get())) == Lines{"[1/3] lb-1 good aaa in 0.0s"});
    CHECK_FALSE(rollout.is_over());
    fleet.member("lb-2", "old", 2, "serving", "aaa", 2);
    CHECK(texts(rollout.look(fleet.get())) == Lines{"[2/3] lb-2 refused aaa: why not"});
    CHECK((rollout.is_over() && !rollout.went_well()));
}

TEST_CASE("a rollout in a fleet without visible members is not over") {
    Rollout rollout("aaa", 0);
    CHECK(rollout.look(FleetAgent().get()).empty());
    CHECK_FALSE(rollout.is_over());
}

TEST_CASE("a rollout is over when another version has been pushed") {
    Rollout rollout("aaa", 2);
    FleetAgent fleet;
    fleet.member("lb-1", "old", 4, "serving", "", 2).version(2);
    CHECK(rollout.look(fleet.get()).empty());
    CHECK_FALSE(rollout.is_over());
    fleet.version(3);
    CHECK(rollout.look(fleet.get()).empty());
    CHECK((rollout.is_over() && !rollout.went_well()));
    CHECK(rollout.reason() == "version 3 was pushed after it");
}

TEST_CASE("a machine that reads its own configuration file is not waited for") {
    Rollout rollout("aaa", 2);
    FleetAgent fleet;
    fleet.member("lb-1", "aaa", 4, "serving", "", 2).member("lb-2", "old", 2, "serving", "", 0);
    CHECK(texts(rollout.look(fleet.get())) == Lines{"[1/1] lb-1 good aaa in 0.0s"});
    CHECK((rollout.is_over() && rollout.went_well()));
}

TEST_CASE("what a machine had before it read this version does not count for it") {
    Rollout rollout("aaa", 3);
    FleetAgent fleet;
    fleet.member("lb-1", "aaa", 4, "serving", "", 2);
    CHECK(rollout.look(fleet.get()).empty());
    fleet.member("lb-1", "aaa", 4, "serving", "", 3);
    CHECK(rollout.look(fleet.get()).size() == 1);
}

TEST_CASE("a machine that leaves during a rollout is named and fails it") {
    Rollout rollout("aaaaaaaaaaaaaaaa", 1);
    FleetAgent fleet;
    fleet.member("lb-1", "old", 1).member("lb-2", "old", 2);
    CHECK(rollout.look(fleet.get()).empty());
    FleetAgent later;
    later.member("lb-1", "aaaaaaaaaaaaaaaa", 3).change("lb-1", "aaaaaaaaaaaaaaaa", "good", 40);
    CHECK(rollout.look(later.get()).size() == 1);
    CHECK((rollout.is_over() && !rollout.went_well()));
    CHECK(rollout.reason().find("lb-2 left the fleet before it had finished") != std::string::npos);
}
