#include "proxy/admin/http2_metrics.h"

#include <utility>

namespace weir::proxy::admin {
namespace {

using HttpListeners = std::vector<std::shared_ptr<const ListenerSpec>>;

void write_requests(Exposition& out, const HttpListeners& listeners) {
    using enum conf::HttpVersion;
    out.family("weir_requests_by_version_total", "counter", "HTTP requests by the version that the client speaks.");
    for (const auto& listener : listeners)
        for (const auto& [version, text] :
             {std::pair(http1_0, "1.0"), std::pair(http1_1, "1.1"), std::pair(http2, "2")}) {
            std::uint64_t sum = 0;
            for (const auto& worker : listener->stats->workers)
                sum += worker.versions[static_cast<std::size_t>(version)].read();
            if (sum > 0) out.sample({{"listener", listener->config.name}, {"version", text}}, sum);
        }
}

// Calls `write` with each error word that was counted, and its number.
void each_error(const ListenerStats& stats, auto counters_of, auto write) {
    for (std::size_t word = 0; word < http2_error_words.size(); ++word) {
        std::uint64_t sum = 0;
        for (const auto& worker : stats.workers) sum += counters_of(worker.http2).read(word);
        if (sum > 0) write(std::string(http2_error_words[word]), sum);
    }
}

void write_resets(Exposition& out, const HttpListeners& listeners) {
    out.family("weir_http2_resets_total", "counter", "RST_STREAM frames by their sender and error code.");
    for (const auto& listener : listeners)
        for (const auto& [by, text] : {std::pair(ResetBy::client, "client"), std::pair(ResetBy::weir, "weir")})
            each_error(
                *listener->stats, [by](const Http2Counters& http2) -> auto& { return http2.resets(by); },
                [&, by_text = text](std::string reason, std::uint64_t sum) {
                    out.sample({{"listener", listener->config.name}, {"by", by_text}, {"reason", std::move(reason)}},
                               sum);
                });
}

void write_goaways(Exposition& out, const HttpListeners& listeners) {
    out.family("weir_http2_goaways_total", "counter", "HTTP/2 connections that weir has ended, by error code.");
    for (const auto& listener : listeners)
        each_error(
            *listener->stats, [](const Http2Counters& http2) -> auto& { return http2.goaways(); },
            [&](std::string reason, std::uint64_t sum) {
                out.sample({{"listener", listener->config.name}, {"reason", std::move(reason)}}, sum);
            });
}

} // namespace

Http2Totals http2_totals(const ListenerStats& stats) {
    Http2Totals totals;
    for (const auto& worker : stats.workers) {
        totals.connections += worker.http2.connections();
        totals.active_connections += worker.http2.active_connections();
        totals.streams += worker.http2.streams();
        totals.active_streams += worker.http2.active_streams();
    }
    return totals;
}

void write_http_versions(Exposition& out, const std::vector<std::shared_ptr<const ListenerSpec>>& listeners) {
    write_requests(out, listeners);
    HttpListeners with_http2;
    for (const auto& listener : listeners)
        if (listener->config.speaks_http2() || http2_totals(*listener->stats).connections > 0)
            with_http2.push_back(listener);
    const auto each = [&](const char* name, const char* type, const char* help, std::uint64_t Http2Totals::*member) {
        out.family(name, type, help);
        for (const auto& listener : with_http2)
            out.sample({{"listener", listener->config.name}}, http2_totals(*listener->stats).*member);
    };
    each("weir_http2_connections_total", "counter", "HTTP/2 connections of clients.", &Http2Totals::connections);
    each("weir_http2_active_connections", "gauge", "Open HTTP/2 connections of clients.",
         &Http2Totals::active_connections);
    each("weir_http2_streams_total", "counter", "Streams that clients have opened.", &Http2Totals::streams);
    each("weir_http2_active_streams", "gauge", "Open streams of clients.", &Http2Totals::active_streams);
    write_resets(out, with_http2);
    write_goaways(out, with_http2);
}

} // namespace weir::proxy::admin
