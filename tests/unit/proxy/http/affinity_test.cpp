#include "balancer/algorithms/stable_hash.h"
#include "proxy/http/affinity.h"
#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

RequestHead head_of(const std::string& text) { // the text must outlive the head
    RequestHead head;
    REQUIRE(parse_request(text, {}, head).status == HeadStatus::complete);
    return head;
}

} // namespace

TEST_CASE("cookies are found among others, in one or several fields, by full name") {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nCookie: xa=1; b=2;a=3 ;c=\r\nCookie: d=4=5\r\n\r\n";
    const auto head = head_of(text);
    CHECK(find_cookie(head, "a") == "3");
    CHECK(find_cookie(head, "b") == "2");
    CHECK(find_cookie(head, "c") == "");
    CHECK(find_cookie(head, "d") == "4=5");
    CHECK_FALSE(find_cookie(head, "x"));
    CHECK_FALSE(find_cookie(head, "A"));
}

TEST_CASE("the configuration decides what pins a request to a backend") {
    const std::string text = "GET /p/q?r HTTP/1.1\r\nHost: a\r\nx-user: ann\r\nCookie: id=7\r\n\r\n";
    const auto head = head_of(text);
    using conf::HashOn;
    CHECK(hash_key({HashOn::source_ip, ""}, head, "10.0.0.1") == balancer::stable_hash("10.0.0.1"));
    CHECK(hash_key({HashOn::path, ""}, head, "") == balancer::stable_hash("/p/q"));
    CHECK(hash_key({HashOn::header, "X-User"}, head, "") == balancer::stable_hash("ann"));
    CHECK(hash_key({HashOn::cookie, "id"}, head, "") == balancer::stable_hash("7"));
    CHECK_FALSE(hash_key({HashOn::header, "X-Other"}, head, ""));
    CHECK_FALSE(hash_key({HashOn::cookie, "ID"}, head, ""));
}

TEST_CASE("a sticky cookie names a member and is renewed when it has aged") {
    PoolSpec pool;
    pool.config.name = "web";
    pool.config.sticky = conf::Sticky{"s", std::chrono::hours(1)};
    auto state = std::make_shared<balancer::PoolState>(1, nullptr);
    for (const auto* name : {"one", "two"}) {
        pool.marks[balancer::sticky_mark("web", name)] = pool.members.size();
        pool.members.push_back({std::make_shared<balancer::Backend>("web", name, conf::Address(), 1, state), 0, 1,
                                conf::AdminState::ready});
    }
    const auto cookie = make_cookie(pool, 1, 1000, Scheme::http);
    CHECK(cookie.starts_with("s="));
    CHECK(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"));
    CHECK(make_cookie(pool, 1, 1000, Scheme::https).ends_with("; Secure"));
    const auto sent = "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie.substr(0, cookie.find(';')) + "\r\n\r\n";
    const auto head = head_of(sent);
    CHECK(find_belonging(pool, head, 1001).member == 1u);
    CHECK_FALSE(find_belonging(pool, head, 1001).stale);
    CHECK(find_belonging(pool, head, 3000).stale);
    pool.marks.clear(); // the backend was removed
    CHECK_FALSE(find_belonging(pool, head, 1001).member);
}
