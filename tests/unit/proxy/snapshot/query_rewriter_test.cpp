#include "proxy/snapshot/query_rewriter.h"

#include "tests/catch.h"

#include <string>
#include <vector>

using namespace weir;
using proxy::http::QueryRewriter;

namespace {

// Returns the query as it is forwarded.
std::string forwarded_query(const conf::QueryEdit& edit, const std::string& query) {
    const QueryRewriter rewriter(edit);
    if (!rewriter.changes(query)) return query;
    std::string path = "/x";
    rewriter.append_rewritten(path, query);
    CHECK(path.starts_with("/x"));
    return path.substr(2);
}

struct QueryCase {
    std::string received, forwarded;
};

void check_queries(const conf::QueryEdit& edit, const std::vector<QueryCase>& cases) {
    for (const auto& [received, forwarded] : cases) {
        INFO(received);
        CHECK(forwarded_query(edit, received) == forwarded);
    }
}

} // namespace

TEST_CASE("a removed parameter does not arrive, however it is spelled") {
    check_queries({{}, {}, {"admin", "a b"}}, {{"", ""},
                                               {"?", "?"},
                                               {"?x=1", "?x=1"},
                                               {"?admin=1", ""},
                                               {"?admin", ""},
                                               {"?admin=", ""},
                                               {"?%61dmin=1", ""},
                                               {"?%61%64%6D%69%6e=1&x", "?x"},
                                               {"?a+b=1&a%20b=2&c", "?c"},
                                               {"?x=1&admin=1&y=2&admin=3", "?x=1&y=2"},
                                               {"?Admin=1&admins=1&admi=1&=admin", "?Admin=1&admins=1&admi=1&=admin"},
                                               {"?x=admin", "?x=admin"},
                                               {"?admin%3D=1&admin%3d", "?admin%3D=1&admin%3d"},
                                               {"?admin=1&admin=2", ""}});
}

TEST_CASE("no parameter passes behind a semicolon") {
    check_queries({{{"v", "2"}}, {}, {"admin"}}, {{"?a=1;admin=1", "?a=1&v=2"},
                                                  {"?a=1;%61dmin;b=2&v=1", "?a=1;b=2&v=2"},
                                                  {"?admin;x=1", "?x=1&v=2"},
                                                  {"?a;v=9", "?a&v=2"},
                                                  {"?v=1;b=2", "?v=2"},
                                                  {"?a=1;;b;", "?a=1;;b;&v=2"},
                                                  {"?;admin", "?v=2"}});
}

TEST_CASE("a parameter that is set replaces the first one in its place") {
    check_queries({{{"v", "2"}}, {}, {}}, {{"", "?v=2"},
                                           {"?", "?v=2"},
                                           {"?v=1", "?v=2"},
                                           {"?v", "?v=2"},
                                           {"?a=1&v=1&b=2&v=3&%76=4", "?a=1&v=2&b=2"},
                                           {"?a=1", "?a=1&v=2"}});
    check_queries({{{"b", "1"}, {"a", "2"}}, {}, {}}, {{"?a=0", "?a=2&b=1"}, {"?c", "?c&b=1&a=2"}});
    check_queries({{{"v", ""}}, {}, {}}, {{"?v=1&x", "?v=&x"}});
}

TEST_CASE("a parameter that is added comes last, beside those of the client") {
    check_queries({{}, {{"v", "2"}}, {}}, {{"", "?v=2"}, {"?v=1", "?v=1&v=2"}});
    check_queries({{{"s", "1"}}, {{"v", "2"}, {"s", "3"}}, {"v"}}, {{"?v=1&x=1", "?x=1&s=1&v=2&s=3"}});
}

TEST_CASE("other parameters keep their bytes, their order, and empty ones") {
    check_queries({{}, {}, {"q"}}, {{"?a=1&&b=2&q=1", "?a=1&&b=2"},
                                    {"?&q=1&", "?&"},
                                    {"?q&", ""},
                                    {"?%7e=%zz&a=b=c&q&+=%", "?%7e=%zz&a=b=c&+=%"},
                                    {"?a=1?q=2&q=2", "?a=1?q=2"}});
}

TEST_CASE("names and values of the rules are encoded where necessary") {
    check_queries({{{"a&b", "x=1+2 #%"}}, {{"path", "/a/b:c@d,e?f"}, {"\xc3\xa9", "~;\""}}, {}},
                  {{"", "?a%26b=x%3D1%2B2%20%23%25&path=/a/b:c@d,e?f&%C3%A9=~%3B%22"},
                   {"?a%26b=1", "?a%26b=x%3D1%2B2%20%23%25&path=/a/b:c@d,e?f&%C3%A9=~%3B%22"}});
}

TEST_CASE("a query that no rule names is not changed") {
    CHECK_FALSE(QueryRewriter().changes("?a=1"));
    const QueryRewriter remover(conf::QueryEdit{{}, {}, {"q"}});
    CHECK_FALSE(remover.changes(""));
    CHECK_FALSE(remover.changes("?a=1&&b"));
    CHECK(remover.changes("?a=1&q"));
}
