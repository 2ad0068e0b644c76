#include "proxy/admin/guard.h"
#include "proxy/admin/metrics.h"
#include "tests/catch.h"

using namespace weir::proxy::admin;

TEST_CASE("who may talk to the admin API") {
    struct Row {
        const char* own;
        Caller caller;
        const char* token;
        int status;
    };
    const Row rows[] = {
        {"127.0.0.1:9901", {"GET", "127.0.0.1:9901", "", "", ""}, "", 200},
        {"127.0.0.1:9901", {"GET", "localhost:9901", "", "", ""}, "", 200},
        {"127.0.0.1:9901", {"GET", "evil.example", "", "", ""}, "", 421}, // a name pointed at 127.0.0.1
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
        {"0.0.0.0:9901", {"GET", "weir.example", "", "", "Bearer 0123456789abcdef"}, "0123456789abcdef", 421},
        {"[::1]:9901", {"GET", "[::1]:9901", "", "", ""}, "", 200},
        {"unix:/run/weir.sock", {"GET", "anything", "", "", ""}, "", 200},
    };
    for (const auto& row : rows) {
        INFO(row.own << " " << row.caller.host << " " << row.caller.origin);
        std::string why;
        const auto own = weir::conf::AdminAddress::parse(row.own, why);
        REQUIRE(why.empty());
        CHECK(check_caller(row.caller, own, row.token).status == row.status);
    }
}

TEST_CASE("label values are escaped") { CHECK(escape_label("a\"b\\c\nd") == "a\\\"b\\\\c\\nd"); }
