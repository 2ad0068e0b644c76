#include "proxy/snapshot/path_rewriter.h"

#include "tests/catch.h"

using namespace weir;
using proxy::http::PathRewriter;

namespace {

std::string rewritten(const conf::PathRewrite& rules, std::string_view path) {
    return PathRewriter(rules, 1).rewrite(path, path, 0);
}

} // namespace

TEST_CASE("a prefix of whole segments is stripped") {
    const conf::PathRewrite rules{"/v1", "", "", ""};
    CHECK(rewritten(rules, "/v1/x") == "/x");
    CHECK(rewritten(rules, "/v1/") == "/");
    CHECK(rewritten(rules, "/v1") == "/");
    CHECK(rewritten(rules, "/v10") == "/v10");
    CHECK(rewritten(rules, "/x/v1") == "/x/v1");
    CHECK(rewritten({"/v1/", "", "", ""}, "/v1/x") == "/x");
    CHECK(rewritten({"/v1/", "", "", ""}, "/v1") == "/v1");
}

TEST_CASE("a prefix that is spelled differently is stripped, too") {
    const PathRewriter rewriter(conf::PathRewrite{"/@me", "", "", ""}, 1);
    CHECK(rewriter.rewrite("/%40me/x;y", "/@me/x", 0) == "/x;y");
    CHECK(rewriter.rewrite("/;p/@me;q/x/%40y", "/@me/x/@y", 0) == "/x/%40y");
    CHECK(rewriter.rewrite("/@me%2Fx;y", "/@me/x", 0) == "/x"); // the slash is a part of the segment
    CHECK(rewriter.rewrite("/@me/x;y", "/@me/x", 0) == "/x;y");
}

TEST_CASE("prefixes are stripped before an expression is replaced, and added last") {
    const conf::PathRewrite rules{"/v1", "^/([a-z]+)", "/$1-$1", "/api"};
    CHECK(rewritten(rules, "/v1/x/y") == "/api/x-x/y");
    CHECK(rewritten(rules, "/v1/17") == "/api/17");
}

TEST_CASE("a rewritten path begins with a slash") {
    CHECK(rewritten({"", "^/x", "", ""}, "/x") == "/");
    CHECK(rewritten({"", "^/", "a", ""}, "/x") == "/ax");
}

TEST_CASE("a backslash in a replacement stands for itself") {
    CHECK(rewritten({"", "x", "\\1$0", ""}, "/x") == "/\\1x");
}

TEST_CASE("each worker has an expression of its own") {
    const PathRewriter rewriter(conf::PathRewrite{"", "a", "b", ""}, 3);
    for (std::size_t worker = 0; worker < 3; ++worker) CHECK(rewriter.rewrite("/a", "/a", worker) == "/b");
}
