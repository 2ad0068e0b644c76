#include "proxy/snapshot/grpc_method_stats.h"

#include <memory>

namespace weir::proxy {
namespace {

// Returns true if the status shows that the backend knows the method: it does not answer so before it looks for it.
bool shows_method(grpc::Status status) {
    return status != grpc::Status::unimplemented && status != grpc::Status::unauthenticated &&
           status != grpc::Status::permission_denied;
}

} // namespace

GrpcMethodStats::~GrpcMethodStats() {
    for (auto& slot : slots_) delete slot.load();
}

void GrpcMethodStats::count(std::size_t worker, std::string_view path, grpc::Status status, StatusSource source) {
    Method* method = nullptr;
    if (const auto name = grpc::method_of(path))
        method = source == StatusSource::backend && shows_method(status) ? find_or_add(*name) : find(*name);
    auto& workers = method ? method->workers : others_;
    workers.own(worker).statuses[static_cast<std::size_t>(status)].add();
}

GrpcMethodStats::Counts GrpcMethodStats::sum_of(const WorkerCounters& workers) {
    Counts sums{};
    workers.each([&](const Counters& own) {
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += own.statuses[i].read();
    });
    return sums;
}

std::size_t GrpcMethodStats::first_slot(const grpc::MethodName& name) const {
    const auto whole = name.service.size() + 1 + name.method.size(); // they are neighbours in the path
    return sip_hash(secret_, {name.service.data(), whole}) % slot_count;
}

GrpcMethodStats::Method* GrpcMethodStats::find(const grpc::MethodName& name) const {
    for (auto at = first_slot(name);; at = (at + 1) % slot_count) {
        auto* const known = slots_[at].load(std::memory_order_acquire);
        if (!known || known->is(name)) return known;
    }
}

// Slots are filled once and stay: a search that has passed a method's slot never needs to go back.
GrpcMethodStats::Method* GrpcMethodStats::find_or_add(const grpc::MethodName& name) {
    if (auto* const known = find(name)) return known;
    if (methods_.fetch_add(1, std::memory_order_relaxed) >= max_methods) {
        methods_.fetch_sub(1, std::memory_order_relaxed);
        return nullptr;
    }
    auto made = std::make_unique<Method>(std::string(name.service), std::string(name.method), workers_);
    for (auto at = first_slot(name);; at = (at + 1) % slot_count) {
        Method* known = nullptr;
        if (slots_[at].compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) return made.release();
        if (!known->is(name)) continue;
        methods_.fetch_sub(1, std::memory_order_relaxed); // another worker was faster
        return known;
    }
}

} // namespace weir::proxy
