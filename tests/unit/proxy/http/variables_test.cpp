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
    CHECK(fill_in("{scheme}://{host}{path_and_query}", variables) == "https://a.example/p?q=1");
    CHECK(fill_in("{method} {path} {query} {client_ip} {backend} {tls_version}.", variables) ==
          "GET /p q=1 192.0.2.7 web1 TLSv1.3.");
    CHECK(fill_in("{tls_cipher}", variables).empty());
    CHECK(fill_in("{\"a\": {}}", variables) == "{\"a\": {}}");
}

TEST_CASE("a path without a query has none") {
    RequestVariables plain = variables;
    plain.path_and_query = "/p";
    CHECK(fill_in("{path}|{query}", plain) == "/p|");
    plain.path_and_query = "/p?";
    CHECK(fill_in("{path}|{query}|{path_and_query}", plain) == "/p||/p?");
}
