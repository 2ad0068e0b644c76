#include "conf/model/error_statuses.h"
#include "proxy/snapshot/error_pages.h"
#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy::http;

namespace {

conf::PageFiles files(const std::string& text) {
    return {{"a.html", std::make_shared<const std::string>(text)},
            {"b.json", std::make_shared<const std::string>("{}")}};
}

} // namespace

TEST_CASE("a status has its own page, or that of its class") {
    const ErrorPages pages({{"5xx", "b.json"}, {"502", "a.html"}, {"404", "b.json"}}, files("<p>"));
    REQUIRE(pages.find(502));
    CHECK(*pages.find(502)->body == "<p>");
    CHECK(pages.find(502)->content_type == "text/html; charset=utf-8");
    REQUIRE(pages.find(503));
    CHECK(*pages.find(503)->body == "{}");
    CHECK(pages.find(404)->content_type == "application/json");
    for (const int other : {400, 403, 499, 302, 200}) CHECK(pages.find(other) == nullptr);
    CHECK(ErrorPages().find(502) == nullptr);
}

TEST_CASE("pages are equal if their files have the same contents") {
    const conf::ErrorPageFiles configured{{"502", "a.html"}};
    CHECK(ErrorPages(configured, files("x")) == ErrorPages(configured, files("x")));
    CHECK_FALSE(ErrorPages(configured, files("x")) == ErrorPages(configured, files("y")));
    CHECK_FALSE(ErrorPages(configured, files("x")) == ErrorPages({{"5xx", "a.html"}}, files("x")));
}

TEST_CASE("error pages are for statuses from 400 to 599") {
    CHECK(conf::parse_error_statuses("4xx") == conf::StatusRange{400, 499});
    CHECK(conf::parse_error_statuses("5xx") == conf::StatusRange{500, 599});
    CHECK(conf::parse_error_statuses("400") == conf::StatusRange{400, 400});
    CHECK(conf::parse_error_statuses("599") == conf::StatusRange{599, 599});
    for (const char* text : {"", "399", "600", "3xx", "5XX", "50x", "502 ", "+502", "0502", "xx"})
        CHECK_FALSE(conf::parse_error_statuses(text));
}
