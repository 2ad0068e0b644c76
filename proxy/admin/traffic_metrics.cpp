#include "proxy/admin/traffic_metrics.h"

#include <array>
#include <charconv>
#include <map>

namespace weir::proxy::admin {
namespace {

// The sum of one histogram over all workers, or over several paths.
struct HistogramSum {
    std::array<std::uint64_t, duration_bounds.size() + 1> buckets{};
    std::uint64_t sum_us = 0, count = 0;

    void add(const Histogram& histogram) {
        for (std::size_t i = 0; i < buckets.size(); ++i) {
            const auto value = histogram.buckets[i].read();
            buckets[i] += value;
            count += value;
        }
        sum_us += histogram.sum_us.read();
    }
    void add(const HistogramSum& other) {
        for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
        sum_us += other.sum_us;
        count += other.count;
    }
};

struct PathSum {
    std::array<std::uint64_t, TrafficCounters::last_code - TrafficCounters::first_code + 1> codes{};
    std::array<std::uint64_t, failure_reason_count> failures{};
    HistogramSum durations, response_times;

    explicit PathSum(const TrafficStats& stats) {
        stats.workers.each([&](const TrafficCounters& worker) {
            for (std::size_t i = 0; i < codes.size(); ++i) codes[i] += worker.codes[i].read();
            for (std::size_t i = 0; i < failures.size(); ++i) failures[i] += worker.failures[i].read();
            durations.add(worker.durations);
            response_times.add(worker.response_times);
        });
    }
};

// Whether a path has had any traffic; most of thousands of routes may have had none.
bool is_used(const TrafficStats& stats) {
    bool used = false;
    stats.workers.each([&](const TrafficCounters&) { used = true; });
    return used;
}

using Paths = std::vector<std::pair<TrafficPath, PathSum>>;

Paths sum_up(const Snapshot& snapshot) {
    std::map<TrafficPath, const TrafficStats*> all; // routes with the same name are counted together
    for (const auto& listener : snapshot.listeners) {
        for (const auto& of_route : listener->traffic)
            for (const auto& stats : of_route) all[stats->path] = stats.get();
        if (listener->own_traffic) all[listener->own_traffic->path] = listener->own_traffic.get();
        for (const auto& [name, route] : listener->sni) all[route.traffic->path] = route.traffic.get();
        all[listener->unrouted->path] = listener->unrouted.get();
    }
    Paths paths;
    for (const auto& [path, stats] : all)
        if (is_used(*stats)) paths.emplace_back(path, PathSum(*stats));
    return paths;
}

Labels labels_of(const TrafficPath& path) {
    return {{"listener", path.listener}, {"pool", path.pool}, {"route", path.route}};
}

Labels with(Labels labels, std::string_view key, std::string_view value) {
    labels.emplace_back(key, value);
    return labels;
}

void write_histogram(Exposition& out, const Labels& labels, const HistogramSum& histogram) {
    if (histogram.count == 0) return;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < histogram.buckets.size(); ++i) {
        below += histogram.buckets[i];
        char bound[32];
        const auto* end = i < duration_bounds.size()
                              ? std::to_chars(bound, bound + sizeof bound, duration_bounds[i] / 1e6).ptr
                              : bound;
        out.sample(with(labels, "le", i < duration_bounds.size() ? std::string_view(bound, end) : "+Inf"), below,
                   "_bucket");
    }
    out.sample(labels, static_cast<double>(histogram.sum_us) / 1e6, "_sum");
    out.sample(labels, histogram.count, "_count");
}

void write_codes(Exposition& out, const Paths& paths) {
    out.family("weir_requests_total", "counter",
               "HTTP requests by listener, pool, route and status (499: the client closed the connection).");
    for (const auto& [path, sum] : paths)
        for (std::size_t i = 0; i < sum.codes.size(); ++i)
            if (sum.codes[i]) {
                const auto code = std::to_string(TrafficCounters::first_code + static_cast<int>(i));
                out.sample(with(labels_of(path), "code", code), sum.codes[i]);
            }
}

void write_failures(Exposition& out, const Paths& paths) {
    out.family("weir_failures_total", "counter",
               "Failed HTTP requests and TCP connections by reason, regardless of their status.");
    for (const auto& [path, sum] : paths)
        for (std::size_t i = 0; i < sum.failures.size(); ++i)
            if (sum.failures[i]) {
                const auto reason = word_of(static_cast<FailureReason>(i));
                out.sample(with(labels_of(path), "reason", reason), sum.failures[i]);
            }
}

void write_response_times(Exposition& out, const Paths& paths) {
    out.family("weir_backend_response_seconds", "histogram",
               "Time from sending a request to a backend to the head of its response, by pool.");
    std::map<std::string, HistogramSum> pools;
    for (const auto& [path, sum] : paths) pools[path.pool].add(sum.response_times);
    for (const auto& [pool, histogram] : pools) write_histogram(out, {{"pool", pool}}, histogram);
}

} // namespace

void write_traffic(Exposition& out, const Snapshot& snapshot) {
    const auto paths = sum_up(snapshot);
    write_codes(out, paths);
    write_failures(out, paths);
    out.family("weir_request_duration_seconds", "histogram",
               "Time from the head of a request to the last byte of its response.");
    for (const auto& [path, sum] : paths) write_histogram(out, labels_of(path), sum.durations);
    write_response_times(out, paths);
}

} // namespace weir::proxy::admin
