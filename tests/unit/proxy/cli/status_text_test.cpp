#include "proxy/cli/status_text.h"
#include "tests/catch.h"

#include <boost/json.hpp>

#include <string>

using namespace weir::proxy::cli;
namespace json = boost::json;

namespace {

// The status of a healthy process, with nothing special to report.
const char* const quiet = R"({
  "version": "0.1.0", "pid": 77, "uptime_seconds": 93784, "workers": 2,
  "config": {"file": "/etc/weir/weir.yaml", "hash": "0123456789abcdef", "fence": 3, "generation": 4,
             "loaded_at": "2026-01-31T12:00:00Z"},
  "reload": {"in_progress": false,
             "last": {"verdict": "applied", "trigger": "watch", "at": "2026-01-31T12:00:00Z", "took_ms": 12,
                      "hash": "0123456789abcdef", "fence": 3, "errors": [],
                      "changes": [{"text": "~ limits: header_count 100 → 50"}]},
             "pending": null, "window": null, "watch": {"mode": "inotify", "waits_for_writer": false},
             "denylist": []},
  "lock": {"type": "local", "fleet": "default", "held": false, "waiting": false, "fence": 3, "holder": null},
  "overrides": [], "retries": {"made": 0, "refused_by_budget": 0},
  "listeners": [{"name": "web", "address": "0.0.0.0:80", "protocol": "http", "connections": 9, "active": 2}],
  "pools": [{"name": "web", "algorithm": "round_robin", "backends": [
    {"name": "one", "address": "10.0.0.11:8080", "state": "up", "weight": 1, "backup": false, "requests": 1234567,
     "failures": 0, "retries": 0, "outlier_ejections": 0, "active": 1, "idle": 3,
     "file": {"state": "ready", "weight": 1}, "last_errors": [], "since": "2026-01-31T11:00:00Z", "checks": 20,
     "failed_checks": 0, "ejections": 0, "passes_in_a_row": 20, "failures_in_a_row": 0,
     "last_check": {"at": "2026-01-31T12:00:01Z", "duration_ms": 3, "result": "status 200"}},
    {"name": "number-two", "address": "10.0.0.12:8080", "state": "up", "weight": 1, "backup": true, "requests": 0,
     "failures": 0, "retries": 0, "outlier_ejections": 0, "active": 0, "idle": 0,
     "file": {"state": "ready", "weight": 1}, "last_errors": []}]}]})";

class Status {
public:
    Status() : object_(json::parse(quiet).as_object()) {}
    json::object& at(const char* key) { return object_.at(key).as_object(); }
    json::object& reload(const char* key) { return at("reload").at(key).as_object(); }
    json::object& pool() { return object_.at("pools").at(0).as_object(); }
    json::object& backend() { return pool().at("backends").at(0).as_object(); }
    json::object& object() { return object_; }
    std::string text() const { return status_text(object_); }
    // Returns whether the text contains this.
    bool says(const std::string& part) const { return text().find(part) != std::string::npos; }

private:
    json::object object_;
};

} // namespace

TEST_CASE("a listener with HTTP/2 shows its connections and streams") {
    Status status;
    CHECK_FALSE(status.says("HTTP/2"));
    status.object().at("listeners").at(0).as_object()["http2"] =
        json::object{{"connections", 7}, {"active", 1}, {"streams", 90}, {"active_streams", 12}};
    CHECK(status.says("(http): 2 active connections, 9 in total; HTTP/2: 1 with 12 active streams\n"));
}

TEST_CASE("the certificates of a listener are shown with their expiry times") {
    Status status;
    auto& listener = status.object().at("listeners").at(0).as_object();
    listener["certificates"] = json::array{json::object{{"names", {"a.example", "*.b.example"}},
                                                        {"issuer", "CN=Some CA"},
                                                        {"not_after", "2026-12-31T00:00:00Z"},
                                                        {"days_left", 33},
                                                        {"fingerprint", "0123"}}};
    CHECK(status.says(
        "certificate for a.example, *.b.example by CN=Some CA, until 2026-12-31T00:00:00Z (33 days left)\n"));
}

TEST_CASE("the status of a quiet process is a few lines and an aligned table") {
    CHECK(Status().text() == R"(weir 0.1.0, pid 77, up 1d 2h 3m 4s, 2 workers
config /etc/weir/weir.yaml, hash 0123456789ab, fence 3, generation 4, loaded 2026-01-31T12:00:00Z
last reload: applied at 2026-01-31T12:00:00Z, trigger watch, hash 0123456789ab, fence 3, 12 ms
  ~ limits: header_count 100 → 50
file watch: inotify
lock: local, free, fence 3
listener web on 0.0.0.0:80 (http): 2 active connections, 9 in total

pool web, round_robin
  BACKEND     ADDRESS         STATE        REQUESTS  ACTIVE  IDLE  FAILURES  RETRIES  WEIGHT  SINCE                 LAST CHECK
  one         10.0.0.11:8080  up            1234567       1     3         0        0       1  2026-01-31T11:00:00Z  status 200, 3 ms, at 2026-01-31T12:00:01Z
  number-two  10.0.0.12:8080  up (backup)         0       0     0         0        0       1  -                     -
)");
}

TEST_CASE("the status shows what a backend takes of its weight during slow start") {
    Status status;
    auto& backend = status.backend();
    backend["effective_weight"] = 1;
    CHECK_FALSE(status.says("(now"));
    backend["weight"] = 10;
    backend["file"].as_object()["weight"] = 10;
    backend["effective_weight"] = 3.7;
    CHECK(status.says("  10 (now 3.7)  "));
    backend["effective_weight"] = 3;
    CHECK(status.says("  10 (now 3)  "));
    backend["file"].as_object()["weight"] = 2;
    CHECK(status.says("  10 (now 3, file 2)  "));
    backend["effective_weight"] = 10;
    CHECK(status.says("  10 (file 2)  "));
    backend["weight"] = backend["file"].as_object()["weight"] = 1;
    backend["effective_weight"] = 0.1;
    CHECK(status.says("  1 (now 0.1)  "));
}

TEST_CASE("the status shows how the last reload ended, why and when") {
    Status status;
    status.reload("last") = {{"verdict", "rolled_back"},
                             {"cause", "worse"},
                             {"trigger", "command"},
                             {"at", "2026-01-31T13:00:00Z"},
                             {"took_ms", 5000},
                             {"hash", "ffff"},
                             {"fence", 0},
                             {"warnings", {"without the lock"}},
                             {"errors", {"pool web: 0 of 2 backends are healthy", "and more"}},
                             {"changes", json::array()}};
    CHECK(status.says("last reload: rolled_back (worse) at 2026-01-31T13:00:00Z, trigger command, hash ffff, 5000 ms\n"
                      "  pool web: 0 of 2 backends are healthy\n"
                      "  and more\n"
                      "  warning: without the lock\n"));
    json::array changes;
    for (int i = 0; i < 12; ++i) changes.push_back(json::object{{"text", "+ backend " + std::to_string(i)}});
    status.reload("last")["changes"] = changes;
    CHECK(status.says("  + backend 9\n  and 2 more changes\n"));
    CHECK_FALSE(status.says("+ backend 10"));
}

TEST_CASE("the status says what is pending on disk, why, and the next attempt") {
    Status status;
    CHECK_FALSE(status.says("pending"));
    status.at("reload")["pending"] = {{"hash", "aaaabbbbccccdddd"},
                                      {"reason", "cannot acquire the lock: unavailable: no answer"},
                                      {"trigger", "watch"},
                                      {"since", "2026-01-31T13:00:00Z"},
                                      {"attempts", 1},
                                      {"next_try", "2026-01-31T13:00:09Z"},
                                      {"next_try_in_ms", 1200}};
    CHECK(status.says("pending: the configuration on disk (hash aaaabbbbcccc), not in force since "
                      "2026-01-31T13:00:00Z, trigger watch, 1 attempt\n"
                      "  cannot acquire the lock: unavailable: no answer\n"
                      "  next try at 2026-01-31T13:00:09Z, in 2s\n"));
    status.reload("pending")["next_try"] = nullptr;
    status.reload("pending")["hash"] = nullptr; // the file cannot be read
    CHECK(status.says("pending: the configuration on disk, not in force since"));
    CHECK(status.says("  there is no next try until the file changes or weir reload is run\n"));
}

TEST_CASE("the status shows an open canary window and the denylist") {
    Status status;
    status.at("reload")["in_progress"] = true;
    status.at("reload")["window"] = {
        {"hash", "ccccddddeeeeffff"}, {"left_ms", 61'500}, {"ends_at", "2026-01-31T14:00:00Z"}};
    status.at("reload")["denylist"] = {
        {{"hash", "badbadbadbadbad"}, {"since", "2026-01-30T00:00:00Z"}, {"reason", "web is sick"}}};
    CHECK(status.says("a reload is in progress\ncanary window: hash ccccddddeeee, 1m 2s left, until "
                      "2026-01-31T14:00:00Z (weir reload --abort rolls it back)\n"));
    CHECK(status.says("denylist: these configurations were rolled back and are refused without --force\n"
                      "  badbadbadbad since 2026-01-30T00:00:00Z: web is sick\n"));
}

TEST_CASE("the status shows what is wrong with the file watch") {
    Status status;
    status.reload("watch") = {
        {"mode", "polling"}, {"waits_for_writer", true}, {"problem", "no inotify instance is left"}};
    CHECK(status.says("file watch: polling, waits until the file is written\n  no inotify instance is left\n"));
}

TEST_CASE("the status shows the lock, its holder, its fence and its servers") {
    Status status;
    status.at("lock") = {{"type", "redis"},     {"fleet", "prod"},
                         {"held", false},       {"waiting", true},
                         {"fence", 12},         {"member", "lb-1"},
                         {"holder", "lb-2:77"}, {"reachable", true},
                         {"fence_alarms", 0},   {"heard_at", "2026-01-31T12:00:00Z"}};
    CHECK(status.says("lock: redis, fleet prod, member lb-1, held by lb-2:77, a reload waits for it, fence 12, its "
                      "servers answer (last at 2026-01-31T12:00:00Z)\n"));
    status.at("lock")["servers"] = {{{"url", "redis://10.0.0.5:6379"}, {"persistence", "none"}},
                                    {{"url", "redis://10.0.0.6:6379"}, {"persistence", "append_only_file"}}};
    CHECK(status.says("\n  redis://10.0.0.5:6379 does not persist its data (appendonly no, save \"\")\n"));
    CHECK_FALSE(status.says("redis://10.0.0.6:6379"));
    status.at("lock").erase("servers");
    status.at("lock")["holder"] = nullptr;
    status.at("lock")["waiting"] = false;
    status.at("lock")["reachable"] = false;
    status.at("lock")["problem"] = "redis://10.0.0.5:6379: Connection refused";
    status.at("lock")["fence_alarms"] = 1;
    CHECK(status.says("lock: redis, fleet prod, member lb-1, free, fence 12, its servers do not answer (last at "
                      "2026-01-31T12:00:00Z)\n  redis://10.0.0.5:6379: Connection refused\n  the servers' fence "
                      "decreased 1 time: their data was lost or restored\n"));
}

TEST_CASE("a backend's status shows both weights, what was changed and by whom") {
    Status status;
    status.backend()["weight"] = 5;
    status.backend()["state"] = "drain";
    status.backend()["override"] = {{"state", "drain"}, {"weight", 5}};
    status.backend()["agent_override"] = {{"weight", 3}};
    status.backend()["host"] = "app.internal:8080";
    CHECK(status.says("5 (file 1)"));
    CHECK(status.says("\n    an address of app.internal:8080\n"
                      "    changed at run time; the file has ready, weight 1 (weir clear restores that)\n"
                      "    requests in its heartbeats: weight 3\n"));
    CHECK_FALSE(status.says("checks failed"));
    status.object()["overrides"] = {
        {{"pool", "web"}, {"backend", "old"}, {"address", "10.0.0.9:80"}, {"state", "maint"}, {"in_force", false}},
        {{"pool", "web"}, {"backend", "one"}, {"address", "10.0.0.11:8080"}, {"weight", 5}, {"in_force", true}}};
    CHECK(
        status.says("override web/old (maint) has no effect: the configuration in its canary window does not have this "
                    "backend (10.0.0.9:80)\n"));
    CHECK_FALSE(status.says("override web/one"));
}

TEST_CASE("a backend's status shows its checks, ejections, errors and retries") {
    Status status;
    auto& backend = status.backend();
    backend["state"] = "down";
    backend["failed_checks"] = 4;
    backend["ejections"] = 1;
    backend["failures_in_a_row"] = 3;
    backend["outlier_ejections"] = 2;
    backend["retries"] = 41;
    backend["last_failure"] = "connect: Connection refused";
    backend["last_errors"] = {
        {{"at", "2026-01-31T12:00:00Z"}, {"reason", "connect_failed"}, {"detail", "connect: Connection refused"}}};
    status.at("retries") = {{"made", 42}, {"refused_by_budget", 7}};
    CHECK(status.says("retries: 42, and 7 refused by the retry budget\n"));
    CHECK(status.says(" 41 "));
    CHECK(status.says(
        "\n    4 of 20 checks failed, the last 3 in a row; down 1 time; last failure: connect: Connection "
        "refused\n    ejected for failing live requests 2 times\n    error at 2026-01-31T12:00:00Z: connect_failed "
        "(connect: Connection refused)\n"));
    backend["failures_in_a_row"] = 0;
    backend["passes_in_a_row"] = 1;
    CHECK(status.says("4 of 20 checks failed, the last 1 passed; down 1 time"));
}

TEST_CASE("a pool's status shows its queue and its unresolved names") {
    Status status;
    status.pool()["queue"] = {{"length", 3}, {"max", 1000}};
    status.pool()["unresolved"] = {"app.internal:8080"};
    CHECK(status.says("\npool web, round_robin, 3 of 1000 queue entries in use\n"));
    CHECK(status.says("\n  app.internal:8080 cannot be resolved: the pool runs without it"));
}

TEST_CASE("the status of a process of another version is shown as far as it goes") {
    CHECK(status_text({}).starts_with("weir "));
    Status status;
    for (const char* key : {"reload", "lock", "overrides", "retries", "listeners", "workers"})
        status.object().erase(key);
    for (const char* key : {"file", "last_errors", "retries", "idle", "last_check", "since"})
        status.backend().erase(key);
    status.object()["pools"].as_array().push_back("nonsense");
    CHECK(status.says("one         10.0.0.11:8080  up            1234567       1     -         0        -       1  -"));
}

TEST_CASE("the status says how many requests the limits of a route have refused") {
    Status status;
    CHECK_FALSE(status.says("route "));
    status.object()["routes"] = json::array{
        json::object{{"name", "api"}, {"rate_limit", {{"refused", 3}}}, {"concurrency_limit", {{"refused", 0}}}},
        json::object{{"name", "files"}, {"concurrency_limit", {{"refused", 12}}}}};
    CHECK(status.says("\nroute api: refused 3 by rate_limit and 0 by concurrency_limit\n"
                      "route files: refused 12 by concurrency_limit\n"));
}
