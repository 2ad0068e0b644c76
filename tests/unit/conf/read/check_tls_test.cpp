#include "conf/read/load.h"
#include "tests/catch.h"

#include <optional>
#include <string>

using namespace weir::conf;

namespace {

Loaded load_listener(const std::string& keys, const std::string& sections = "") {
    const auto text = "listeners: {web: {address: \"127.0.0.1:8080\", pool: web" + keys +
                      "}}\npools: {web: {backends: [\"127.0.0.1:9001\"]}}\n" + sections;
    return load_text(text, "weir.yaml", [](const auto&) { return std::nullopt; });
}

std::string tls_errors_of(const std::string& keys, const std::string& sections = "") {
    std::string out;
    for (const auto& error : load_listener(keys, sections).errors) out += error.text() + "\n";
    return out;
}

bool speaks_http2(const std::string& keys) {
    const auto loaded = load_listener(keys);
    REQUIRE(loaded.config.listeners.size() == 1);
    return loaded.config.listeners[0].speaks_http2();
}

const std::string with_tls = ", tls: {certificates: [{cert: /a.pem, key: /a.key}]}";

bool has(const std::string& errors, const std::string& text) { return errors.find(text) != std::string::npos; }

} // namespace

TEST_CASE("a listener speaks HTTP/2 with TLS, unless its key says otherwise") {
    CHECK(speaks_http2(with_tls));
    CHECK(speaks_http2(with_tls + ", http2: true"));
    CHECK_FALSE(speaks_http2(with_tls + ", http2: false"));
    CHECK_FALSE(speaks_http2(""));
    CHECK(speaks_http2(", http2: true"));
    CHECK_FALSE(speaks_http2(with_tls + ", protocol: tcp"));
}

TEST_CASE("http2 is refused where it has no effect, or is not a boolean") {
    for (const std::string value : {"true", "false"})
        CHECK(has(tls_errors_of(", protocol: tcp, http2: " + value),
                  "listeners.web.http2: has no effect with protocol: tcp"));
    CHECK_FALSE(has(tls_errors_of(", http2: true"), "http2"));
    CHECK_FALSE(has(tls_errors_of(", redirect_https: true, http2: true"), "http2"));
    CHECK(has(tls_errors_of(", http2: auto"), "listeners.web.http2: "));
    CHECK(has(tls_errors_of(", http_2: true"), "http2")); // suggested
}

TEST_CASE("the limit on streams has a default and a range") {
    CHECK(load_listener("").config.limits.streams == 100);
    CHECK(load_listener("", "limits: {streams: 1}").config.limits.streams == 1);
    CHECK(tls_errors_of("", "limits: {streams: 10000}").empty());
    for (const std::string value : {"0", "10001", "-1", "1k"})
        CHECK(has(tls_errors_of("", "limits: {streams: " + value + "}"), "limits.streams: "));
}

TEST_CASE("redirect_https is refused where it has no effect") {
    CHECK(has(tls_errors_of(", protocol: tcp, redirect_https: true"),
              "redirect_https: has no effect with protocol: tcp"));
    CHECK(has(tls_errors_of(with_tls + ", redirect_https: true"), "redirect_https: has no effect with tls"));
}
