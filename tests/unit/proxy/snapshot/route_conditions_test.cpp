#include "proxy/snapshot/route_conditions.h"

#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace weir::proxy::http;

namespace {

bool holds(const conf::Match& match, const std::string& text, const std::string& client = "10.1.2.3:4",
           Trust trust = Trust::untrusted) {
    RequestHead head;
    REQUIRE(parse_request(text, {}, head).status == HeadStatus::complete);
    const auto address = *conf::Address::parse(client);
    const auto path = head.path.substr(0, head.path.find('?'));
    return RouteConditions(match, 2).hold({head, path, address, trust, 1});
}

bool holds_get(const conf::Match& match, const std::string& path, const std::string& fields = "") {
    return holds(match, "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
}

} // namespace

TEST_CASE("a route can match methods") {
    conf::Match match;
    CHECK_FALSE(RouteConditions::has_any(match));
    match.methods = {"GET", "HEAD"};
    CHECK(RouteConditions::has_any(match));
    CHECK(holds_get(match, "/"));
    CHECK_FALSE(holds(match, "POST / HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK_FALSE(holds(match, "get / HTTP/1.1\r\nHost: a\r\n\r\n")); // methods are case-sensitive
}

TEST_CASE("a route can match header fields") {
    conf::Match match;
    match.headers = {{"X-Beta", "1"}, {"Cookie", "*"}};
    CHECK(holds_get(match, "/", "x-beta: 1\r\nCookie: a=b\r\n"));
    CHECK(holds_get(match, "/", "X-Beta: 2\r\nX-Beta: 1\r\ncookie: \r\n"));
    CHECK_FALSE(holds_get(match, "/", "X-Beta: 1\r\n"));
    CHECK_FALSE(holds_get(match, "/", "X-Beta: 11\r\nCookie: a\r\n"));
    CHECK(holds_get(match, "/", "X_Beta: 1\r\nCookie: a\r\n")); // a CGI backend sees the same name
}

TEST_CASE("a route does not believe what only a trusted proxy may say") {
    conf::Match match;
    match.headers = {{"X-Forwarded-Proto", "https"}};
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
    CHECK_FALSE(holds(match, text));
    CHECK(holds(match, text, "10.1.2.3:4", Trust::trusted));
    const std::string alias = "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_Proto: https\r\n\r\n";
    CHECK_FALSE(holds(match, alias, "10.1.2.3:4", Trust::trusted)); // it is not forwarded
}

TEST_CASE("a client that is not known is in no block") {
    conf::Match match;
    match.clients = {*conf::Cidr::parse("0.0.0.0/0"), *conf::Cidr::parse("::/0")};
    const RequestHead head;
    CHECK_FALSE(RouteConditions(match, 1).hold({head, "/", conf::Address(), Trust::untrusted, 0}));
}

TEST_CASE("a route can match query parameters") {
    conf::Match match;
    match.query = {{"v", "2"}, {"debug", "*"}};
    CHECK(holds_get(match, "/?v=2&debug"));
    CHECK(holds_get(match, "/?debug=&x=y&v=1&v=2"));
    CHECK_FALSE(holds_get(match, "/?v=2"));
    CHECK_FALSE(holds_get(match, "/"));
    CHECK_FALSE(holds_get(match, "/?v=22&debug=1"));
}

TEST_CASE("parameters are compared after decoding") {
    CHECK(has_parameter("a=1&na%6de=x+y", "name", "x y"));
    CHECK(has_parameter("name=x%20y", "name", "x y"));
    CHECK(has_parameter("name=100%", "name", "100%"));
    CHECK(has_parameter("name=%zz", "name", "%zz"));
    CHECK(has_parameter("a=b=c", "a", "b=c"));
    CHECK(has_parameter("a", "a", ""));
    CHECK(has_parameter("&&a=&", "a", ""));
    CHECK_FALSE(has_parameter("a=x", "a", ""));
    CHECK_FALSE(has_parameter("", "a", "*"));
    CHECK_FALSE(has_parameter("ab=1", "a", "*"));
}

TEST_CASE("a route can match client addresses") {
    conf::Match match;
    match.clients = {*conf::Cidr::parse("10.0.0.0/8"), *conf::Cidr::parse("2001:db8::/32")};
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    CHECK(holds(match, text, "10.9.9.9:1"));
    CHECK(holds(match, text, "[2001:db8::1]:1"));
    CHECK_FALSE(holds(match, text, "11.0.0.1:1"));
}

TEST_CASE("a regular expression is found anywhere in the path") {
    conf::Match match;
    match.path_regex = "^/u/[0-9]+$";
    CHECK(holds_get(match, "/u/17?x=/u/"));
    CHECK_FALSE(holds_get(match, "/u/17/x"));
    CHECK_FALSE(holds_get(match, "/x/u/17"));
    match.path_regex = "(?i)\\.php";
    CHECK(holds_get(match, "/a/index.PHP/x"));
    CHECK_FALSE(holds_get(match, "/a/index.html?.php"));
}
