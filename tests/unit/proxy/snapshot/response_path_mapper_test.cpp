#include "proxy/snapshot/response_path_mapper.h"

#include "proxy/snapshot/path_rewriter.h"
#include "tests/catch.h"

#include <string>
#include <vector>

using namespace weir;
using namespace weir::proxy::http;

namespace {

const ResponseOrigins example{"https", "Shop.example", "http", "app.internal:8080", "10.0.0.1:80"};

conf::PathRewrite prefixes(const std::string& strip, const std::string& add) {
    conf::PathRewrite rules;
    rules.strip_prefix = strip;
    rules.add_prefix = add;
    rules.map_back = true;
    return rules;
}

struct MappedCase {
    std::string sent, got; // the same: it is left alone
};

void check_fields(const std::string& name, const conf::PathRewrite& rules, const std::vector<MappedCase>& cases,
                  const ResponseOrigins& origins = example) {
    const ResponsePathMapper mapper(rules);
    for (const auto& [sent, got] : cases) {
        INFO(name << ": " << sent);
        CHECK(mapper.map_field(name, sent, origins).value_or(sent) == got);
    }
}

} // namespace

TEST_CASE("a mapped path is the one that the client asked for") {
    struct Prefixes {
        std::string strip, add;
    };
    for (const auto& [strip, add] : std::vector<Prefixes>{{"/v1", ""},
                                                          {"/v1", "/api"},
                                                          {"/v1/", "/api"},
                                                          {"/v1/", ""},
                                                          {"", "/api"},
                                                          {"/a/b", "/c/d"},
                                                          {"/", "/c"}}) {
        const auto rules = prefixes(strip, add);
        const auto top = strip.ends_with('/') ? strip.substr(0, strip.size() - 1) : strip;
        for (const std::string below : {"/", "/x", "/x/", "/v1/x", "/api", "/api/api/y", "/%20;p/.x"}) {
            INFO(strip << " " << add << " " << below);
            const auto path = top + below;
            const auto forwarded = PathRewriter(rules, 1).rewrite(path, path, 0);
            CHECK(ResponsePathMapper(rules).map_url(forwarded, example) == path);
            CHECK(ResponsePathMapper(rules).map_url(forwarded + "?q=/#f", example) == path + "?q=/#f");
        }
    }
}

TEST_CASE("absolute paths are mapped by whole segments") {
    check_fields("Location", prefixes("/shop", "/v1"),
                 {{"/v1/x?q=/v1/#/v1/", "/shop/x?q=/v1/#/v1/"},
                  {"/v1", "/shop"},
                  {"/v1/", "/shop/"},
                  {"/v1?a", "/shop?a"},
                  {"/v1#a", "/shop#a"},
                  {"/v10", "/v10"},
                  {"/v1;p/x", "/v1;p/x"},
                  {"/x", "/x"},
                  {"/", "/"}});
    check_fields("content-location", prefixes("/shop", ""),
                 {{"/x", "/shop/x"}, {"/", "/shop/"}, {"/shop/x", "/shop/shop/x"}});
    check_fields("LOCATION", prefixes("", "/v1"), {{"/v1", "/"}, {"/v1/x", "/x"}, {"/v1?a", "/?a"}, {"/x", "/x"}});
    check_fields("Location", prefixes("/shop/", "/v1"),
                 {{"/v1", "/shop/"}, {"/v1/x", "/shop/x"}, {"/v1?a", "/shop/?a"}});
}

TEST_CASE("relative references, other hosts and other schemes are left alone") {
    std::vector<MappedCase> cases;
    for (const std::string same : {"",
                                   "x",
                                   "../x",
                                   "./v1/x",
                                   "?a",
                                   "#a",
                                   "http://other/v1/x",
                                   "https://other/v1",
                                   "//other/v1/x",
                                   "http://app.internal/v1/x",
                                   "http://app.internal:8081/v1/x",
                                   "http://app.internal:8080.evil/v1/x",
                                   "http://user@app.internal:8080/v1/x",
                                   "https:/v1/x",
                                   "https:v1/x",
                                   "http:///v1/x",
                                   "ftp://shop.example/v1/x",
                                   "mailto:a@shop.example",
                                   "javascript:alert(1)",
                                   "http://app.internal:8080/other"})
        cases.push_back({same, same});
    check_fields("Location", prefixes("/shop", "/v1"), cases);
}

TEST_CASE("URLs of the backend become paths") {
    check_fields("Location", prefixes("/shop", "/v1"),
                 {{"http://app.internal:8080/v1/x?q#f", "/shop/x?q#f"},
                  {"HTTP://APP.internal:8080/v1", "/shop"},
                  {"http://10.0.0.1/v1/x", "/shop/x"},
                  {"//app.internal:8080/v1/x", "/shop/x"},
                  {"//10.0.0.1:80/v1/x", "/shop/x"}});
    check_fields("Location", prefixes("/shop", ""),
                 {{"http://app.internal:8080", "/shop/"},
                  {"http://app.internal:8080?a", "/shop/?a"},
                  {"http://app.internal:8080#a", "/shop/#a"}});
    check_fields("Location", prefixes("/shop", ""), {{"http://[::1]:9/x", "/shop/x"}},
                 {"http", "[fd00::1]", "http", "a", "[::1]:9"});
}

TEST_CASE("URLs of the client's host keep it, and never lead from https to http") {
    check_fields("Location", prefixes("/shop", "/v1"),
                 {{"http://shop.example/v1/x", "/shop/x"},
                  {"http://shop.example:80/v1/x", "/shop/x"},
                  {"https://shop.example:443/v1/x", "https://shop.example:443/shop/x"},
                  {"//shop.example/v1/x", "/shop/x"},
                  {"//shop.example:443/v1/x", "/shop/x"},
                  {"//shop.example:80/v1/x", "//shop.example:80/v1/x"}});
    check_fields("Location", prefixes("/shop", ""),
                 {{"http://app/x", "/shop/x"}, {"http://a:81/x", "http://a:81/shop/x"}, {"http://a/x", "http://a/x"}},
                 {"http", "a:81", "http", "app:80", ""});
}

TEST_CASE("a redirect to https on the client's host stays one") {
    const ResponseOrigins plain{"http", "shop.example", "http", "shop.example", ""};
    check_fields("Location", prefixes("/shop", "/v1"),
                 {{"https://shop.example/v1/x", "https://shop.example/shop/x"},
                  {"http://shop.example/v1/x", "http://shop.example/shop/x"}},
                 plain);
    // So it does behind TLS: a path would send the client to the same URL again and again.
    check_fields("Location", prefixes("/shop", ""), {{"https://shop.example/x", "https://shop.example/shop/x"}},
                 {"http", "shop.example", "https", "shop.example", ""});
}

TEST_CASE("a client without a Host gets a path") {
    check_fields("Location", prefixes("/shop", ""), {{"http://app/x", "/shop/x"}, {"http:///x", "http:///x"}},
                 {"http", "", "http", "app", ""});
}

TEST_CASE("no mapped path leads to another host") {
    check_fields("Location", prefixes("", "/v1"),
                 {{"/v1//evil.example/x", "/evil.example/x"},
                  {"/v1/\\evil.example", "/evil.example"},
                  {"/v1/\t/evil.example", "/evil.example"},
                  {"/v1///\x01//evil.example", "/evil.example"}});
}

TEST_CASE("the URL of a Refresh is mapped") {
    check_fields("Refresh", prefixes("/shop", "/v1"),
                 {{"5; url=/v1/x", "5; url=/shop/x"},
                  {"0;URL='/v1/x'", "0;URL='/shop/x'"},
                  {"1.5 , Url = \"http://app.internal:8080/v1\"", "1.5 , Url = \"/shop\""},
                  {"5", "5"},
                  {"5; /v1/x", "5; /shop/x"},
                  {"5 url=/v1/x", "5 url=/shop/x"},
                  {"5/v1/x", "5/v1/x"},
                  {"5; url", "5; url"},
                  {"5; url=", "5; url="},
                  {"5; url='", "5; url='"},
                  {"5; url=x", "5; url=x"},
                  {"", ""}});
}

TEST_CASE("the last Path of a cookie is mapped") {
    check_fields("Set-Cookie", prefixes("/shop", "/v1"),
                 {{"a=b; Path=/v1; HttpOnly", "a=b; Path=/shop; HttpOnly"},
                  {"a=b; Path=/v1/", "a=b; Path=/shop"}, // so that /shop has it, too
                  {"a=b;PATH = /v1/x ;Secure", "a=b;PATH = /shop/x ;Secure"},
                  {"a=b; path=/v1; Path=/v1/y", "a=b; path=/v1; Path=/shop/y"},
                  {"a=b; Path=/v1; Path=/other", "a=b; Path=/v1; Path=/other"},
                  {"a=b; Path=/v1; Path", "a=b; Path=/v1; Path"}, // an empty one: the path of the request
                  {"a=b; Path=/v1; Path=", "a=b; Path=/v1; Path="},
                  {"a=b; Path=\"/v1\"", "a=b; Path=\"/v1\""},
                  {"a=b; Path=v1", "a=b; Path=v1"},
                  {"a=b; Path=/", "a=b; Path=/"},
                  {"a=b; Path=/v10", "a=b; Path=/v10"},
                  {"a=b; XPath=/v1", "a=b; XPath=/v1"},
                  {"a=b", "a=b"},
                  {"Path=/v1", "Path=/v1"},
                  {"Path=/v1; Path=/v1", "Path=/v1; Path=/shop"},
                  {"", ""}});
    check_fields("Set-Cookie", prefixes("/shop", ""),
                 {{"a=b; Path=/", "a=b; Path=/shop"}, {"a=b; Path=/x", "a=b; Path=/shop/x"}});
    check_fields("Set-Cookie", prefixes("/shop/", ""), {{"a=b; Path=/", "a=b; Path=/shop/"}});
    check_fields("Set-Cookie", prefixes("", "/v1"),
                 {{"a=b; Path=/v1", "a=b; Path=/"}, {"a=b; Path=/v1/", "a=b; Path=/"}});
}

TEST_CASE("a cookie that must have the path / keeps it") {
    check_fields("Set-Cookie", prefixes("/shop", ""),
                 {{"__Host-id=1; Path=/; Secure", "__Host-id=1; Path=/; Secure"},
                  {"__Secure-id=1; Path=/; Secure", "__Secure-id=1; Path=/shop; Secure"}});
}

TEST_CASE("other headers are left alone") { check_fields("Link", prefixes("/shop", "/v1"), {{"/v1/x", "/v1/x"}}); }
