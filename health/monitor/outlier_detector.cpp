#include "health/monitor/outlier_detector.h"

#include "base/timer.h"

#include <algorithm>

namespace weir::health {

// A backend that has been ejected at least once.
struct OutlierDetector::EjectedHost {
    EjectedHost(boost::asio::io_context& context, balancer::BackendPtr ejected)
        : backend(std::move(ejected)), timer(context) {}

    void set(balancer::Ejection ejection, Clock::WallTime now) {
        backend->set_ejection(ejection);
        changed = now;
    }

    balancer::BackendPtr backend;
    OutlierHistory history;
    std::uint64_t ejections = 0;
    std::uint32_t error_limit = 1; // consecutive errors that eject it
    Clock::WallTime changed;       // when it was last ejected or brought back
    Timer timer;                   // expires when it returns
};

OutlierDetector::~OutlierDetector() = default;

void OutlierDetector::watch(const std::vector<OutlierPool>& pools) {
    pools_.clear();
    for (const auto& pool : pools) {
        if (!pool.rules) continue;
        const auto shared = std::make_shared<const OutlierPool>(pool);
        for (const auto& backend : pool.backends) pools_[backend.get()] = shared;
    }
    std::erase_if(ejected_, [&](auto& entry) {
        if (pools_.contains(entry.first)) return false;
        if (entry.second->backend->ejection() == balancer::Ejection::ejected) come_back(*entry.second);
        return true;
    });
}

void OutlierDetector::report(const balancer::BackendPtr& backend) {
    const auto pool = pools_.find(backend.get());
    if (pool == pools_.end() || backend->ejection() == balancer::Ejection::ejected) return;
    const auto& [members, rules] = *pool->second;
    const auto out = static_cast<std::size_t>(std::count_if(members.begin(), members.end(), [&](const auto& b) {
        return b->is_sick() && b != backend; // backends that health checks have found down reduce the capacity as well
    }));
    if (!may_eject(out, members.size(), rules->max_ejected))
        return backend->set_errors(0); // so that it is reported again after as many errors
    auto& host = ejected_[backend.get()];
    if (!host) host = std::make_shared<EjectedHost>(context_, backend);
    const auto time = host->history.eject(clock_.now(), rules->base_time);
    ++host->ejections;
    host->error_limit = rules->consecutive_errors;
    host->set(balancer::Ejection::ejected, clock_.wall_now());
    host->timer.expires_after(time);
    host->timer.wait([this, weak = std::weak_ptr(host)](WaitEnd end) {
        const auto self = weak.lock();
        // After this timer expired, the backend may have been unejected and ejected again.
        const bool is_over = end == WaitEnd::expired && self && self->timer.is_over();
        if (is_over && self->backend->ejection() == balancer::Ejection::ejected) come_back(*self);
    });
    listener_.on_ejection(backend, time);
}

void OutlierDetector::come_back(EjectedHost& host) {
    const auto now = clock_.now();
    host.history.come_back(now);
    host.backend->set_errors(host.error_limit - 1); // the next error ejects it again
    host.backend->set_ramp_start(now);
    host.set(balancer::Ejection::none, clock_.wall_now());
    listener_.on_return(host.backend);
}

void OutlierDetector::uneject(const balancer::Backend& backend) {
    const auto found = ejected_.find(&backend);
    if (found == ejected_.end() || backend.ejection() == balancer::Ejection::none) return;
    auto& host = *found->second;
    host.timer.cancel();
    host.history.uneject();
    host.backend->set_errors(0);
    host.set(balancer::Ejection::none, clock_.wall_now());
    listener_.on_return(host.backend);
}

std::uint64_t OutlierDetector::ejections(const balancer::Backend& backend) const {
    const auto it = ejected_.find(&backend);
    return it == ejected_.end() ? 0 : it->second->ejections;
}

std::optional<Clock::WallTime> OutlierDetector::last_change(const balancer::Backend& backend) const {
    const auto it = ejected_.find(&backend);
    if (it == ejected_.end()) return std::nullopt;
    return it->second->changed;
}

} // namespace weir::health
