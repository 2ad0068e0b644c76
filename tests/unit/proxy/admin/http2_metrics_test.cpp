#include "proxy/admin/http2_metrics.h"

#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace weir::proxy;

namespace {

std::shared_ptr<ListenerSpec> make_listener(const std::string& name, std::optional<bool> http2) {
    auto listener = std::make_shared<ListenerSpec>();
    listener->config.name = name;
    listener->config.http2 = http2;
    listener->stats = std::make_shared<ListenerStats>(2);
    return listener;
}

std::string exposition_of(const std::shared_ptr<ListenerSpec>& listener) {
    admin::Exposition out;
    admin::write_http_versions(out, {listener});
    return out.take();
}

// Returns the lines that are samples.
std::string samples_of(const std::shared_ptr<ListenerSpec>& listener) {
    std::string samples;
    const auto text = exposition_of(listener);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at) + 1;
        if (text[at] != '#') samples += text.substr(at, end - at);
        at = end;
    }
    return samples;
}

} // namespace

TEST_CASE("the metrics of HTTP/2 add up what the workers have counted") {
    const auto listener = make_listener("web", true);
    auto& one = listener->stats->workers[0].http2;
    auto& two = listener->stats->workers[1].http2;
    one.on_connection_opened();
    two.on_connection_opened();
    for (int i = 0; i < 3; ++i) one.on_stream_opened();
    two.on_stream_opened();
    two.on_stream_closed();
    two.on_connection_closed();
    one.on_reset(ResetBy::client, 8);
    two.on_reset(ResetBy::client, 8);
    one.on_reset(ResetBy::weir, 7);
    two.on_goaway(11);
    CHECK(samples_of(listener) == R"(weir_http2_connections_total{listener="web"} 2
weir_http2_active_connections{listener="web"} 1
weir_http2_streams_total{listener="web"} 4
weir_http2_active_streams{listener="web"} 3
weir_http2_resets_total{listener="web",by="client",reason="cancel"} 2
weir_http2_resets_total{listener="web",by="weir",reason="refused_stream"} 1
weir_http2_goaways_total{listener="web",reason="enhance_your_calm"} 1
)");
}

TEST_CASE("every error code has its word, and all others share one") {
    const auto listener = make_listener("web", true);
    auto& counters = listener->stats->workers[0].http2;
    for (std::uint32_t code = 0; code <= 13; ++code) counters.on_goaway(code);
    for (const std::uint32_t code : {14U, 15U, 0x7fff'ffffU, 0xffff'ffffU}) counters.on_goaway(code);
    const auto samples = samples_of(listener);
    for (std::size_t word = 0; word < 14; ++word) CHECK(counters.goaways().read(word) == 1);
    CHECK(samples.find("reason=\"no_error\"} 1\n") != std::string::npos);
    CHECK(samples.find("reason=\"http_1_1_required\"} 1\n") != std::string::npos);
    CHECK(samples.find("reason=\"unknown\"} 4\n") != std::string::npos);
}

TEST_CASE("only listeners that speak HTTP/2, or have done so, have its metrics") {
    const auto plain = make_listener("web", std::nullopt);
    CHECK(samples_of(plain).empty());
    plain->stats->workers[0].http2.on_connection_opened(); // and a reload has turned it off
    CHECK(samples_of(plain).find("weir_http2_active_connections{listener=\"web\"} 1\n") != std::string::npos);
    CHECK_FALSE(samples_of(make_listener("web", true)).empty());
}

TEST_CASE("requests are counted by the version of HTTP") {
    const auto listener = make_listener("web", std::nullopt);
    using enum conf::HttpVersion;
    listener->stats->workers[0].count_outcome(FailureReason::none, http1_1);
    listener->stats->workers[1].count_outcome(FailureReason::none, http1_1);
    listener->stats->workers[1].count_outcome(FailureReason::no_backend, http2);
    listener->stats->workers[1].count_outcome(FailureReason::bad_request, none); // was no request
    CHECK(samples_of(listener) == R"(weir_requests_by_version_total{listener="web",version="1.1"} 2
weir_requests_by_version_total{listener="web",version="2"} 1
)");
    CHECK(listener->stats->workers[1].outcomes.read() == 3);
    CHECK(listener->stats->workers[1].refused.read() == 1);
}
