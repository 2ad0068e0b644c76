#include "conf/read/load.h"
#include "tests/catch.h"

#include <optional>

using namespace weir::conf;

namespace {

// Returns the errors of a route with these request_headers, one per line.
std::string header_errors_of(const std::string& headers) {
    const auto text = "listeners: {web: {address: \"127.0.0.1:8080\", pool: web}}\n"
                      "routes: [{pool: web, request_headers: {" +
                      headers + "}}]\npools: {web: {backends: [\"127.0.0.1:9001\"]}}\n";
    std::string out;
    for (const auto& error : load_text(text, "weir.yaml", [](const auto&) { return std::nullopt; }).errors)
        out += error.text() + "\n";
    return out;
}

} // namespace

TEST_CASE("a route may set and remove what describes the request") {
    // This includes the fields that weir sets itself.
    CHECK(header_errors_of(
              "set: {X-Api: v1, X-Forwarded-Proto: https, X-Real-IP: \"1.1.1.1\"}, remove: [X-Forwarded-For, "
              "Cookie, X-Api]")
              .empty());
}

TEST_CASE("a route may not edit what the connection or the framing depends on") {
    // This holds for any spelling of the field's name.
    for (const std::string name :
         {"Content-Length", "content_length", "Transfer_Encoding", "Connection", "Keep-Alive", "keep_alive", "Upgrade",
          "TE", "Trailer", "Proxy-Connection", "HTTP2_Settings", "Expect", "host"}) {
        INFO(name);
        const auto set = header_errors_of("set: {" + name + ": x}"),
                   removed = header_errors_of("remove: [X-A, " + name + "]");
        CHECK(set.find("routes[0].request_headers.set." + name + ": weir sets this header itself") !=
              std::string::npos);
        CHECK(removed.find("routes[0].request_headers.remove[1]: weir sets this header itself") != std::string::npos);
    }
    CHECK(header_errors_of("set: {Proxy: x}").find("HTTP_PROXY") != std::string::npos);
}

TEST_CASE("two spellings of one header in a route are an error that names both") {
    for (const std::string other : {"X_Api", "x-api"}) {
        const auto errors = header_errors_of("set: {X-Api: v1, " + other + ": v2}");
        CHECK(errors.find("set." + other + ": backends read it as the same header as \"X-Api\"") != std::string::npos);
    }
}
