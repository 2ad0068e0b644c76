#include "proxy/http/variables.h"

#include "tests/catch.h"

using namespace weir;
using namespace weir::proxy::http;

namespace {

const RequestVariables variables{.client_ip = "192.0.2.7",
                                 .host = "a.example",
                                 .scheme = "https",
                                 .method = "GET",
                                 .path_and_query = "/p?q=1",
                                 .tls_version = "TLSv1.3",
                                 .tls_cipher = "",
                                 .subject = "",
                                 .fingerprint = "",
                                 .backend = "web1"};

} // namespace

TEST_CASE("variables are filled in") {
    CHECK(fill_in_location("{scheme}://{host}{path_and_query}", variables) == "https://a.example/p?q=1");
    CHECK(fill_in_location("{method} {path} {query} {client_ip} {backend} {tls_version}.", variables) ==
          "GET /p q=1 192.0.2.7 web1 TLSv1.3.");
    CHECK(fill_in_location("{tls_cipher}", variables).empty());
    CHECK(fill_in_location("{\"a\": {}}", variables) == "{\"a\": {}}");
}

TEST_CASE("a path without a query has none") {
    RequestVariables plain = variables;
    plain.path_and_query = "/p";
    CHECK(fill_in_location("{path}|{query}", plain) == "/p|");
    plain.path_and_query = "/p?";
    CHECK(fill_in_location("{path}|{query}|{path_and_query}", plain) == "/p||/p?");
}

TEST_CASE("a client's path in Location does not lead to another host") {
    RequestVariables hostile = variables;
    hostile.path_and_query = "//evil.example/p";
    CHECK(fill_in_location("{path}", hostile) == "/evil.example/p");
    CHECK(fill_in_location("//cdn.example{path}", hostile) == "//cdn.example//evil.example/p"); // the file says so
    hostile.path_and_query = "/\\evil.example";
    CHECK(fill_in_location("{path_and_query}", hostile) == "/evil.example");

    weir::proxy::BufferPool pool(64, 4);
    weir::proxy::Buffer out(pool);
    HeadWriter writer(out);
    write_filled(writer, "LOCATION", "{path}", hostile);
    write_filled(writer, "X-Path", "{path}", hostile);
    write_filled(writer, "Location", "{tls_cipher}", hostile);
    CHECK(out.view() == "LOCATION: /evil.example\r\nX-Path: /\\evil.example\r\n");
}
