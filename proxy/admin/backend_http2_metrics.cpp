#include "proxy/admin/backend_http2_metrics.h"

#include "proxy/snapshot/http2_counters.h"

#include <string>
#include <utility>

namespace weir::proxy::admin {
namespace {

using Counters = balancer::BackendHttp2Counters;
using Pools = std::vector<std::shared_ptr<const PoolSpec>>;

// Calls `write` with the labels of each backend that HTTP/2 is counted for, and the backend.
void each_backend(const Pools& pools, auto write) {
    for (const auto& pool : pools)
        for (const auto& member : pool->members)
            if (!member.backend->http2().empty())
                write(Labels{{"pool", pool->config.name}, {"backend", member.backend->name()}}, *member.backend);
}

// Writes a counter of error codes: a sample for each code that was counted.
void write_errors(Exposition& out, const Labels& labels, const balancer::Backend& backend,
                  Counters::ByError Counters::*member) {
    for (std::size_t code = 0; code < http2_error_words.size(); ++code) {
        std::uint64_t sum = 0;
        for (const auto& worker : backend.http2()) sum += (worker.*member).read(code);
        if (sum == 0) continue;
        auto with_reason = labels;
        with_reason.emplace_back("reason", http2_error_words[code]);
        out.sample(with_reason, sum);
    }
}

} // namespace

BackendHttp2Totals http2_totals(const balancer::Backend& backend) {
    BackendHttp2Totals totals;
    for (const auto& worker : backend.http2()) {
        totals.connections += worker.connections.read();
        totals.active_connections += worker.active_connections.read();
        totals.streams += worker.streams.read();
        totals.active_streams += worker.active_streams.read();
    }
    return totals;
}

void write_backend_http2(Exposition& out, const Pools& pools) {
    const auto each = [&](const char* name, const char* type, const char* help,
                          std::uint64_t BackendHttp2Totals::*member) {
        out.family(name, type, help);
        each_backend(pools, [&](const Labels& labels, const balancer::Backend& backend) {
            out.sample(labels, http2_totals(backend).*member);
        });
    };
    each("weir_backend_http2_connections_total", "counter", "HTTP/2 connections to a backend.",
         &BackendHttp2Totals::connections);
    each("weir_backend_http2_active_connections", "gauge", "Open HTTP/2 connections to a backend.",
         &BackendHttp2Totals::active_connections);
    each("weir_backend_http2_streams_total", "counter", "Streams opened for requests to a backend.",
         &BackendHttp2Totals::streams);
    each("weir_backend_http2_active_streams", "gauge", "Open streams of requests to a backend.",
         &BackendHttp2Totals::active_streams);
    out.family("weir_backend_http2_resets_total", "counter", "RST_STREAM frames by their sender and error code.");
    each_backend(pools, [&](const Labels& labels, const balancer::Backend& backend) {
        for (const auto& [by, member] :
             {std::pair("backend", &Counters::resets_received), std::pair("weir", &Counters::resets_sent)}) {
            auto with_sender = labels;
            with_sender.emplace_back("by", by);
            write_errors(out, with_sender, backend, member);
        }
    });
    out.family("weir_backend_http2_goaways_total", "counter", "GOAWAY frames from a backend, by error code.");
    each_backend(pools, [&](const Labels& labels, const balancer::Backend& backend) {
        write_errors(out, labels, backend, &Counters::goaways_received);
    });
}

} // namespace weir::proxy::admin
