#include "conf/read/load.h"
#include "tests/catch.h"

#include <optional>

using namespace weir::conf;

namespace {

Loaded load_route(const std::string& keys) {
    const auto text = "listeners: {web: {address: \"127.0.0.1:8080\", pool: web}}\nroutes: [{" + keys +
                      "}]\npools: {web: {backends: [\"127.0.0.1:9001\"]}}\n";
    return load_text(text, "weir.yaml", [](const auto&) { return std::nullopt; });
}

std::string compression_errors(const std::string& keys) {
    std::string out;
    for (const auto& error : load_route(keys).errors) out += error.text() + "\n";
    return out;
}

} // namespace

TEST_CASE("compression has defaults, and keys that replace them") {
    const auto usual = load_route("pool: web, compress: {}");
    REQUIRE(usual.errors.empty());
    CHECK(usual.config.routes[0].compress == Compression());
    const auto own = load_route("pool: web, compress: {types: [application/x-own+json, \"*/*\"], min_size: 2KiB, "
                                "encodings: [zstd, gzip], levels: {gzip: 9}, skip_authenticated: true}");
    REQUIRE(own.errors.empty());
    const auto& compress = *own.config.routes[0].compress;
    CHECK(compress.types == std::vector<std::string>{"application/x-own+json", "*/*"});
    CHECK(compress.encodings == std::vector{ContentCoding::zstd, ContentCoding::gzip});
    CHECK(compress.levels == CompressionLevels{9, 5, 5});
    CHECK(compress.skip_authenticated);
    CHECK_FALSE(load_route("pool: web").config.routes[0].compress);
}

TEST_CASE("types that no response has are refused") {
    for (const std::string type : {"html", "text/", "/html", "Text/html", "text/html;q=1", "*", "*/html", "te*/x",
                                   "text/h*", "text/a/b", "text /x"}) {
        INFO(type);
        CHECK(compression_errors("pool: web, compress: {types: [\"" + type + "\"]}").find("is not a media type") !=
              std::string::npos);
    }
    CHECK(compression_errors("pool: web, compress: {types: [text/x, text/event-stream]}")
              .find("compress.types[1]: event str") != std::string::npos);
    CHECK(compression_errors("pool: web, compress: {types: []}").find("at least one media type") != std::string::npos);
}

TEST_CASE("compression that has no effect, or contradicts itself, is refused") {
    CHECK(compression_errors("pool: web, compress: {encodings: []}").find("at least one encoding") !=
          std::string::npos);
    CHECK(compression_errors("pool: web, compress: {encodings: [br, gzip, br]}").find("encodings[2]: duplicate") !=
          std::string::npos);
    CHECK(compression_errors("respond: {body: x}, compress: {}").find("compress: has no effect without a pool") !=
          std::string::npos);
    for (const std::string edit :
         {"set: {content-encoding: gzip}", "add: {Content_Encoding: x}", "remove: [CONTENT-ENCODING]"})
        CHECK(compression_errors("pool: web, compress: {}, response_headers: {" + edit + "}")
                  .find("because the route has") != std::string::npos);
    CHECK(compression_errors("pool: web, response_headers: {remove: [Content-Encoding]}").empty());
}
