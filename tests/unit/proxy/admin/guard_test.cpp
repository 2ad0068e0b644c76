#include "proxy/admin/exposition.h"
#include "proxy/admin/guard.h"
#include "tests/catch.h"

using namespace weir::proxy::admin;

namespace {

AccessRules rules_for(const std::string& own, std::string token = "", std::string read_token = "",
                      std::vector<std::string> hosts = {}) {
    AccessRules rules{*weir::conf::AdminAddress::parse(own), std::move(hosts), {token, read_token}};
    return rules;
}

constexpr auto full = "Bearer 0123456789abcdef", read_only = "Bearer fedcba9876543210";

// Returns the status for a caller of an API that listens on every address, with both tokens and a host name.
int status_of(const Caller& caller, Protection protection = Protection::credential) {
    const auto rules = rules_for("0.0.0.0:9901", "0123456789abcdef", "fedcba9876543210", {"metrics.example"});
    return check_caller(caller, rules, protection).status;
}

} // namespace

TEST_CASE("the admin API accepts only authorized requests") {
    struct Row {
        const char* own;
        Caller caller;
        const char* token;
        int status;
    };
    const Row rows[] = {
        {"127.0.0.1:9901", {"GET", "127.0.0.1:9901", "", "", ""}, "", 200},
        {"127.0.0.1:9901", {"GET", "localhost:9901", "", "", ""}, "", 200},
        {"127.0.0.1:9901", {"GET", "evil.example", "", "", ""}, "", 421}, // a name that points to 127.0.0.1
        {"127.0.0.1:9901", {"GET", "127.0.0.1.evil.example", "", "", ""}, "", 421},
        {"127.0.0.1:9901", {"GET", "", "", "", ""}, "", 421},
        {"127.0.0.1:9901", {"POST", "127.0.0.1:9901", "http://evil.example", "", ""}, "", 403},
        {"127.0.0.1:9901", {"POST", "127.0.0.1:9901", "null", "", ""}, "", 403},
        {"127.0.0.1:9901", {"POST", "127.0.0.1:9901", "http://127.0.0.1:8080", "", ""}, "", 403},
        {"127.0.0.1:9901", {"POST", "127.0.0.1:9901", "http://127.0.0.1:9901", "", ""}, "", 200},
        {"127.0.0.1:9901", {"GET", "127.0.0.1:9901", "", "cross-site", ""}, "", 403},
        {"127.0.0.1:9901", {"GET", "127.0.0.1:9901", "", "same-site", ""}, "", 403},
        {"127.0.0.1:9901", {"GET", "127.0.0.1:9901", "", "none", ""}, "", 200},
        {"0.0.0.0:9901", {"GET", "10.1.2.3:9901", "", "", "Bearer 0123456789abcdef"}, "0123456789abcdef", 200},
        {"0.0.0.0:9901", {"GET", "10.1.2.3:9901", "", "", "Bearer 0123456789abcdeX"}, "0123456789abcdef", 401},
        {"0.0.0.0:9901", {"GET", "10.1.2.3:9901", "", "", ""}, "0123456789abcdef", 401},
        {"[::1]:9901", {"GET", "[::1]:9901", "", "", ""}, "", 200},
        {"unix:/run/weir.sock", {"GET", "anything", "", "", ""}, "", 200},
    };
    for (const auto& row : rows) {
        INFO(row.own << " " << row.caller.host << " " << row.caller.origin);
        CHECK(check_caller(row.caller, rules_for(row.own, row.token), Protection::credential).status == row.status);
    }
}

TEST_CASE("a Host that is a name needs a valid token or admin.hosts") {
    CHECK(status_of({"GET", "weir.example", "", "", full}) == 200);
    CHECK(status_of({"GET", "weir.example:9901", "", "", read_only}) == 200);
    CHECK(status_of({"GET", "weir.example", "", "", "Bearer 0123456789abcdeX"}) == 401);
    CHECK(status_of({"GET", "weir.example", "", "", ""}) == 401);
    CHECK(status_of({"GET", "weir.example", "", "", ""}, Protection::none) == 421);
    CHECK(status_of({"GET", "metrics.example:9901", "", "", ""}, Protection::none) == 200);
    CHECK(status_of({"GET", "Metrics.Example", "", "", ""}, Protection::none) == 200);
    CHECK(status_of({"GET", "metrics.example.evil", "", "", ""}, Protection::none) == 421);
    const auto local = rules_for("127.0.0.1:9901", "", "", {"weir.internal"}); // no token: only listed names
    CHECK(check_caller({"GET", "weir.internal:9901", "", "", ""}, local, Protection::credential).status == 200);
    CHECK(check_caller({"GET", "weir.example:9901", "", "", full}, local, Protection::credential).status == 421);
}

TEST_CASE("the read-only token reads everything and changes nothing") {
    CHECK(status_of({"GET", "10.0.0.1:9901", "", "", read_only}) == 200);
    CHECK(status_of({"HEAD", "10.0.0.1:9901", "", "", read_only}) == 200);
    CHECK(status_of({"POST", "10.0.0.1:9901", "", "", read_only}) == 403);
    CHECK(status_of({"DELETE", "10.0.0.1:9901", "", "", read_only}) == 403);
    CHECK(status_of({"POST", "10.0.0.1:9901", "", "", full}) == 200);
    CHECK(status_of({"GET", "10.0.0.1:9901", "", "", "bearer  0123456789abcdef"}) == 200); // the scheme ignores case
    CHECK(status_of({"GET", "10.0.0.1:9901", "", "", "Basic 0123456789abcdef"}) == 401);
    CHECK(status_of({"GET", "10.0.0.1:9901", "", "", "Bearer "}) == 401);
    const auto without = rules_for("0.0.0.0:9901", "0123456789abcdef"); // an empty read token means that there is none
    CHECK(check_caller({"GET", "10.0.0.1", "", "", "Bearer "}, without, Protection::credential).status == 401);
}

TEST_CASE("heartbeats need no token and accept any Host, but not from browsers") {
    CHECK(status_of({"POST", "weir.example", "", "", ""}, Protection::signature) == 200);
    CHECK(status_of({"POST", "weir.example", "http://evil.example", "", ""}, Protection::signature) == 403);
    CHECK(status_of({"POST", "weir.example", "", "cross-site", ""}, Protection::signature) == 403);
}

TEST_CASE("label values are escaped") { CHECK(escape_label("a\"b\\c\nd") == "a\\\"b\\\\c\\nd"); }
