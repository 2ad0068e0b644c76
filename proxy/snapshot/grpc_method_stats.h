// What the workers count for the methods of gRPC that the clients of a route call. Every worker writes its own
// counters; a scrape adds them up.
//
// Clients choose the names, so there are at most `max_methods` of them, and a method gets its name only once a backend
// has shown that it exists: strangers cannot use the names up. All other calls are counted together.
//
//   hash of "service/method" ─→ slots_ ─→ Method: name, counters of each worker
//
// Thread: `count` on a worker's thread; it waits for nobody, and allocates only for a method's first call. `each` on
// any thread.
// Lifetime: shared by the snapshots that know the route; a reload that keeps the route's name keeps the counts.
#pragma once

#include "balancer/counter.h"
#include "balancer/per_worker.h"
#include "base/sip_hash.h"
#include "proxy/grpc/call.h"
#include "proxy/grpc/status.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy {

enum class StatusSource { weir, backend }; // who has ended a call with a status

class GrpcMethodStats {
public:
    static constexpr std::size_t max_methods = 256;
    using Counts = std::array<std::uint64_t, grpc::status_count>;

    explicit GrpcMethodStats(std::size_t workers) : workers_(workers), others_(workers) {}
    ~GrpcMethodStats();
    GrpcMethodStats(const GrpcMethodStats&) = delete;
    GrpcMethodStats& operator=(const GrpcMethodStats&) = delete;

    // Counts a call that has ended. `path` is that of its request.
    void count(std::size_t worker, std::string_view path, grpc::Status status, StatusSource source);

    // Calls `visit` with each method's service, name and counts. Both names are "other" for the calls without a name.
    template <class F> void each(F visit) const {
        for (const auto& slot : slots_)
            if (const auto* method = slot.load(std::memory_order_acquire))
                visit(method->service, method->name, sum_of(method->workers));
        visit("other", "other", sum_of(others_));
    }

private:
    static constexpr std::size_t slot_count = 2 * max_methods; // half of them stay free: a search is short

    struct alignas(64) Counters {
        std::array<balancer::Counter, grpc::status_count> statuses;
    };
    using WorkerCounters = balancer::PerWorker<Counters>;

    struct Method {
        Method(std::string its_service, std::string its_name, std::size_t count)
            : service(std::move(its_service)), name(std::move(its_name)), workers(count) {}
        bool is(const grpc::MethodName& other) const { return service == other.service && name == other.method; }

        const std::string service, name;
        WorkerCounters workers;
    };

    static Counts sum_of(const WorkerCounters& workers);
    std::size_t first_slot(const grpc::MethodName& name) const;
    // Returns the method of this name; null if it has no slot.
    Method* find(const grpc::MethodName& name) const;
    // Adds it, if there is a slot left.
    Method* find_or_add(const grpc::MethodName& name);

    const std::size_t workers_;
    const SipKey secret_ = random_sip_key(); // no client can make the searches long
    std::array<std::atomic<Method*>, slot_count> slots_{};
    std::atomic<std::size_t> methods_{0};
    WorkerCounters others_;
};

} // namespace weir::proxy
