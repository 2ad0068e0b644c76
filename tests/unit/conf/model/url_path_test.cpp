#include "conf/model/url_path.h"
#include "tests/catch.h"

#include <string>

using namespace weir::conf;

namespace {

struct Row {
    const char *path, *forwarded, *matched;
};

std::string refusal(const char* path, EncodedSlashes slashes = EncodedSlashes::refused) {
    const auto normal = normalize_path(path, slashes);
    return normal.problem ? normal.problem : "";
}

} // namespace

TEST_CASE("every spelling of a path has the same normal form") {
    const Row rows[] = {
        {"/", "/", "/"},
        {"/admin", "/admin", "/admin"},
        {"//admin", "/admin", "/admin"},
        {"///admin//", "/admin/", "/admin/"},
        {"/%61dmin", "/admin", "/admin"},
        {"/%41%2d%7e%5F%2E", "/A-~_.", "/A-~_."},
        {"/./admin", "/admin", "/admin"},
        {"/a/../admin", "/admin", "/admin"},
        {"/a/%2e%2E/admin", "/admin", "/admin"},
        {"/../../admin", "/admin", "/admin"},
        {"/a/b/../..", "/", "/"},
        {"/a/b/..", "/a/", "/a/"},
        {"/a/.", "/a/", "/a/"},
        {"/a//..//b", "/b", "/b"},
        {"/a/...", "/a/...", "/a/..."},
        {"/.well-known/x", "/.well-known/x", "/.well-known/x"},
        {"/a%20b", "/a%20b", "/a%20b"},
        {"/caf%c3%a9", "/caf%C3%A9", "/caf%C3%A9"},
        {"/a%252fb", "/a%252fb", "/a%252fb"},
        {"/ADMIN", "/ADMIN", "/ADMIN"}, // paths are case-sensitive
        {"/%40me", "/%40me", "/@me"},   // a backend may sign or compare what it gets
        {"/@me", "/@me", "/@me"},
        {"/a|b", "/a|b", "/a%7Cb"},
        {"/a%7cb", "/a%7Cb", "/a%7Cb"},
        {"/admin;x", "/admin;x", "/admin"},
        {"/admin;x=/y", "/admin;x=/y", "/admin/y"},
        {"/;x/admin", "/;x/admin", "/admin"},
        {"/;x", "/;x", "/"},
        {"/a%3Bx", "/a%3Bx", "/a%3Bx"},
        {"/a;x/../b", "/b", "/b"},
    };
    for (const auto& row : rows) {
        INFO(row.path);
        const auto normal = normalize_path(row.path, EncodedSlashes::refused);
        CHECK(normal.problem == nullptr);
        CHECK(normal.forwarded == row.forwarded);
        CHECK(normal.matched == row.matched);
    }
}

TEST_CASE("a path that a backend may read differently is refused") {
    for (const char* path : {"/a/..%2fadmin", "/a%2Fb", "/a%5cb", "/a\\b", "/..\\admin", "/a%5C..%5cb"})
        CHECK(refusal(path) == "an encoded slash or a backslash in the path");
    for (const char* path : {"/a%00", "/%00/../b"}) CHECK(refusal(path) == "an encoded NUL in the path");
    for (const char* path : {"/a%", "/a%2", "/a%zz", "/a%2/", "/100%/x"})
        CHECK(refusal(path) == "an invalid percent-encoding in the path");
    for (const char* path : {"/a/..;/b", "/a/..;x=1/b", "/.;", "/%2e%2e;x", "/x/..%3b/admin", "/.%3Bx"})
        CHECK(refusal(path) == "a hidden dot segment in the path");
}

TEST_CASE("encoded slashes can be kept, but not to hide dot segments") {
    const Row rows[] = {
        {"/projects/group%2fname", "/projects/group%2Fname", "/projects/group/name"},
        {"/a%5cb", "/a%5Cb", "/a/b"},
        {"/a\\b", "/a\\b", "/a/b"},
        {"/a%2F%2Fb/../c", "/c", "/c"},
        {"/a%2F%2Fb", "/a%2F%2Fb", "/a/b"},
        {"/a%2F/b%2F", "/a%2F/b%2F", "/a/b/"},
        {"/%2Fa", "/%2Fa", "/a"},
    };
    for (const auto& row : rows) {
        INFO(row.path);
        const auto normal = normalize_path(row.path, EncodedSlashes::kept);
        CHECK(normal.problem == nullptr);
        CHECK(normal.forwarded == row.forwarded);
        CHECK(normal.matched == row.matched);
    }
    for (const char* path : {"/a/..%2fadmin", "/a%2f..", "/a%2F.%2Fb", "/a%5c..%5cb", "/..\\b"})
        CHECK(refusal(path, EncodedSlashes::kept) == "a hidden dot segment in the path");
    CHECK(refusal("/a%00", EncodedSlashes::kept) == "an encoded NUL in the path");
    for (const char* path : {"/a;b%2Fc", "/a;\\b", "/a%2f..;x%2fb"})
        CHECK(refusal(path, EncodedSlashes::kept) == "an encoded slash or a backslash in the parameters of the path");
}

TEST_CASE("a path in normal form is recognized without normalizing it") {
    for (const char* path : {"/", "/a", "/a/", "/.well-known/a", "/a.b/c-d_e~", "/@me/a:b,c=d!$&'()*+"}) {
        INFO(path);
        CHECK(is_normal_path(path));
        const auto normal = normalize_path(path, EncodedSlashes::refused);
        CHECK((normal.forwarded == path && normal.matched == path));
    }
    for (const char* path :
         {"", "a", "//", "/a//b", "/.", "/..", "/./a", "/../a", "/a/.", "/%61", "/a;b", "/a|", "/a\\"}) {
        INFO(path);
        CHECK_FALSE(is_normal_path(path));
    }
}

TEST_CASE("dot segments are found in a path that was put together") {
    for (const char* path : {"/..", "/a/../b", "/.", "/a/.", "/a/..;x/b", "/a/..%3Bx/b", "/a/..%2Fb", "/a/..\\b"})
        CHECK(has_dot_segment(path));
    for (const char* path : {"/", "/a", "/...", "/a../b", "/.a/b", "/a;..", "//", "/a%2Fb", "/a%3B.."})
        CHECK_FALSE(has_dot_segment(path));
}
