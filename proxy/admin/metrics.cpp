#include "proxy/admin/metrics.h"

#include "base/version.h"
#include "conf/model/scalar.h"
#include "proxy/admin/backend_http2_metrics.h"
#include "proxy/admin/exposition.h"
#include "proxy/admin/grpc_metrics.h"
#include "proxy/admin/http2_metrics.h"
#include "proxy/admin/process_metrics.h"
#include "proxy/admin/traffic_metrics.h"

namespace weir::proxy::admin {
namespace {

using Listeners = std::vector<std::shared_ptr<const ListenerSpec>>;

std::uint64_t total(const ListenerStats& stats, Counter ListenerCounters::*member) {
    std::uint64_t sum = 0;
    for (const auto& worker : stats.workers) sum += (worker.*member).read();
    return sum;
}

void write_listeners(Exposition& out, const Listeners& listeners) {
    const auto each = [&](const char* name, const char* type, const char* help, Counter ListenerCounters::*member) {
        out.family(name, type, help);
        for (const auto& listener : listeners)
            out.sample({{"listener", listener->config.name}}, total(*listener->stats, member));
    };
    each("weir_connections_total", "counter", "Client connections accepted.", &ListenerCounters::connections);
    each("weir_connections_active", "gauge", "Open client connections.", &ListenerCounters::active);
    each("weir_proxy_headers_refused_total", "counter", "Connections closed because they sent no valid PROXY header.",
         &ListenerCounters::proxy_headers_refused);
    each("weir_tls_handshakes_total", "counter", "Completed TLS handshakes.", &ListenerCounters::tls_handshakes);
    each("weir_tls_resumed_total", "counter", "TLS handshakes that resumed an earlier session.",
         &ListenerCounters::tls_resumed);
    each("weir_tls_handshake_failures_total", "counter", "Failed TLS handshakes.", &ListenerCounters::tls_failures);
    each("weir_received_bytes_total", "counter", "Bytes received from clients.", &ListenerCounters::bytes_in);
    each("weir_sent_bytes_total", "counter", "Bytes sent to clients.", &ListenerCounters::bytes_out);
}

void write_certificates(Exposition& out, const Listeners& listeners) {
    out.family("weir_tls_certificate_not_after_seconds", "gauge", "Expiry time of a certificate, in Unix time.");
    for (const auto& listener : listeners) {
        if (!listener->tls) continue;
        for (const auto& certificate : listener->tls->certificates()) {
            const auto& facts = certificate->facts();
            const auto end = std::chrono::duration_cast<std::chrono::seconds>(facts.not_after.time_since_epoch());
            out.sample({{"listener", listener->config.name},
                        {"name", facts.names.empty() ? "" : facts.names[0]},
                        {"fingerprint", facts.fingerprint.substr(0, 16)}},
                       static_cast<std::uint64_t>(end.count()));
        }
    }
}

void write_compression(Exposition& out, const std::vector<WorkerCounters>& workers) {
    using conf::ContentCoding;
    const auto each = [&](const char* name, const char* help, Counter CompressionCounters::*member) {
        out.family(name, "counter", help);
        for (const auto coding : {ContentCoding::gzip, ContentCoding::br, ContentCoding::zstd}) {
            std::uint64_t sum = 0;
            for (const auto& worker : workers)
                sum += (worker.compression[static_cast<std::size_t>(coding)].*member).read();
            out.sample({{"encoding", conf::Scalar<ContentCoding>::format(coding)}}, sum);
        }
    };
    each("weir_compressed_responses_total", "Responses that weir has compressed.", &CompressionCounters::responses);
    each("weir_compression_input_bytes_total", "Bytes of compressed response bodies, before compression.",
         &CompressionCounters::bytes_in);
    each("weir_compression_output_bytes_total", "Bytes of response bodies after compression.",
         &CompressionCounters::bytes_out);
}

void write_backends(Exposition& out, const Runtime& runtime) {
    const auto each = [&](const char* name, const char* type, const char* help, auto value) {
        out.family(name, type, help);
        for (const auto& pool : runtime.snapshot()->pools)
            for (const auto& member : pool->members)
                out.sample({{"pool", pool->config.name}, {"backend", member.backend->name()}},
                           static_cast<std::uint64_t>(value(*member.backend)));
    };
    using balancer::Backend;
    using Counters = balancer::BackendCounters;
    each("weir_backend_up", "gauge", "1 if a backend is healthy, 0 if it is down or its health is not known yet.",
         [](const Backend& b) { return b.verdict() == balancer::Verdict::up; });
    each("weir_backend_ejected", "gauge", "1 while a backend is ejected for failing live requests.",
         [](const Backend& b) { return b.ejection() == balancer::Ejection::ejected; });
    each("weir_backend_outlier_ejections_total", "counter", "Times a backend was ejected for failing live requests.",
         [&](const Backend& b) { return runtime.health().ejector().ejections(b); });
    each("weir_backend_requests_total", "counter", "Requests or TCP connections sent to a backend.",
         [](const Backend& b) { return b.total(&Counters::requests); });
    each("weir_backend_failures_total", "counter", "Failed attempts on a backend.",
         [](const Backend& b) { return b.total(&Counters::failures); });
    each("weir_backend_errors_total", "counter", "Failed attempts and 5xx responses that count against a backend.",
         [](const Backend& b) { return b.total(&Counters::errors); });
    each("weir_backend_retries_total", "counter", "Retries sent to a backend.",
         [](const Backend& b) { return b.total(&Counters::retries); });
    each("weir_backend_active", "gauge", "Active requests or TCP connections of a backend.",
         [](const Backend& b) { return b.total(&Counters::active); });
    each("weir_backend_connections", "gauge", "Open connections to a backend.",
         [](const Backend& b) { return b.total(&Counters::connections); });
    each("weir_backend_idle_connections", "gauge", "Idle connections to a backend.",
         [](const Backend& b) { return b.total(&Counters::idle); });
    const auto health = [&](const Backend& b) { return runtime.health().monitor().find(b); };
    each("weir_backend_checks_total", "counter", "Health checks performed.",
         [&](const Backend& b) { return health(b) ? health(b)->checks : 0; });
    each("weir_backend_failed_checks_total", "counter", "Failed health checks.",
         [&](const Backend& b) { return health(b) ? health(b)->failed_checks : 0; });
    each("weir_backend_ejections_total", "counter", "Times a backend was ejected.",
         [&](const Backend& b) { return health(b) ? health(b)->ejections : 0; });
}

void write_workers(Exposition& out, const Runtime& runtime) {
    const auto one = [&](const char* name, const char* help, Counter WorkerCounters::*member, std::uint64_t more = 0) {
        std::uint64_t sum = more;
        for (const auto& worker : runtime.counters()) sum += (worker.*member).read();
        out.family(name, "counter", help);
        out.sample({}, sum);
    };
    one("weir_retries_total", "Requests retried on another backend.", &WorkerCounters::retries);
    one("weir_retries_refused_total", "Retries refused by the retry budget.", &WorkerCounters::retries_refused);
    one("weir_access_log_dropped_total",
        "Access log lines dropped because the writer could not keep up or the disk was full.",
        &WorkerCounters::log_lines_dropped, runtime.access_log().lost());
    one("weir_accept_failures_total", "Connections that could not be accepted.", &WorkerCounters::accept_failures);
    one("weir_connect_shortages_total", "Connections to backends delayed by a lack of file descriptors or memory.",
        &WorkerCounters::shortages);
    one("weir_mirror_requests_total", "Copies of requests sent to mirror pools.", &WorkerCounters::mirrored);
    one("weir_mirror_failures_total", "Copies of requests that got no complete response from a mirror pool.",
        &WorkerCounters::mirrors_failed);
    one("weir_mirror_skipped_total", "Requests selected for mirroring but skipped: body too large, or too many copies.",
        &WorkerCounters::mirrors_skipped);
    out.family("weir_buffered_body_bytes", "gauge",
               "Bytes of request bodies that are buffered, in memory and on disk.");
    out.sample({}, runtime.bodies().bytes());
    out.family("weir_spilled_bodies_total", "counter", "Buffered request bodies that were written to disk.");
    out.sample({}, runtime.bodies().files());
    std::uint64_t longest = 0;
    for (const auto& worker : runtime.counters()) longest = std::max(longest, worker.longest_adoption_us.read());
    out.family("weir_worker_longest_adoption_seconds", "gauge",
               "Longest time that a worker took to adopt a new configuration.");
    out.sample({}, static_cast<double>(longest) / 1e6);
}

void write_reload(Exposition& out, const Runtime& runtime, const Reloader& reloader) {
    const auto seconds = [](std::chrono::system_clock::time_point time) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
        return static_cast<double>(ms.count()) / 1e3;
    };
    const auto& last = reloader.last();
    out.family("weir_reloads_total", "counter", "Reloads by verdict.");
    out.sample({{"verdict", "applied"}}, reloader.counts().applied);
    out.sample({{"verdict", "unchanged"}}, reloader.counts().unchanged);
    out.sample({{"verdict", "refused"}}, reloader.counts().refused);
    out.sample({{"verdict", "rolled_back"}}, reloader.counts().rolled_back);
    out.sample({{"verdict", "rollback_failed"}}, reloader.counts().rollback_failed);
    out.family("weir_reload_last_success", "gauge",
               "1 if the last reload succeeded, 0 if it was refused or rolled back.");
    out.sample({}, std::uint64_t{last.is_success()});
    out.family("weir_reload_last_time_seconds", "gauge", "Unix time of the end of the last reload.");
    out.sample({}, seconds(last.at));
    out.family("weir_reload_last_duration_seconds", "gauge", "Duration of the last reload.");
    out.sample({}, static_cast<double>(last.took.count()) / 1e3);
    out.family("weir_config_info", "gauge", "The configuration in force.");
    out.sample({{"hash", runtime.snapshot()->hash}}, std::uint64_t{1});
    out.family("weir_config_loaded_time_seconds", "gauge", "Unix time at which the configuration was loaded.");
    out.sample({}, seconds(reloader.loaded_at()));
    out.family("weir_lock_held", "gauge", "1 while this process holds the reload lock.");
    out.sample({}, std::uint64_t{reloader.parts().locked.lock_use() == LockUse::held});
    out.family("weir_lock_fence", "gauge", "Fencing token of the configuration in force.");
    out.sample({}, reloader.fence());
    out.family("weir_lock_failures_total", "counter", "Reloads that did not get the lock.");
    out.sample({}, reloader.counts().lock_failures);
    const auto& fleet = reloader.parts().fleet();
    if (!fleet.records()) return;
    out.family("weir_fleet_reachable", "gauge", "1 while the fleet's lock servers are reachable.");
    out.sample({}, std::uint64_t{fleet.is_reachable()});
    out.family("weir_fleet_fence_alarms_total", "counter",
               "Times the fleet's fence was below this machine's because its servers had lost data.");
    out.sample({}, fleet.fence_alarms());
}

} // namespace

std::string metrics(const Runtime& runtime, const Reloader& reloader) {
    Exposition out;
    out.family("weir_build_info", "gauge", "Version of the running process.");
    out.sample({{"version", version}}, std::uint64_t{1});
    const auto& listeners = runtime.snapshot()->listeners;
    write_traffic(out, *runtime.snapshot());
    write_grpc(out, *runtime.snapshot());
    write_listeners(out, listeners);
    write_http_versions(out, listeners);
    write_certificates(out, listeners);
    write_compression(out, runtime.counters());
    write_backends(out, runtime);
    write_backend_http2(out, runtime.snapshot()->pools);
    write_workers(out, runtime);
    write_reload(out, runtime, reloader);
    write_process(out);
    return out.take();
}

} // namespace weir::proxy::admin
