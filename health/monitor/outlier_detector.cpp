#include "health/monitor/outlier_detector.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace weir::health {

// A backend that has been ejected at least once.
struct OutlierDetector::EjectedHost {
    EjectedHost(boost::asio::io_context& context, balancer::BackendPtr ejected)
        : backend(std::move(ejected)), timer(context) {}

    void set(balancer::Ejection ejection) {
        backend->set_ejection(ejection);
        changed = std::chrono::system_clock::now();
    }

    balancer::BackendPtr backend;
    OutlierHistory history;
    std::uint64_t ejections = 0;
    std::uint32_t error_limit = 1;                 // consecutive errors that eject it
    std::chrono::system_clock::time_point changed; // when it was last ejected or brought back
    boost::asio::steady_timer timer;
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
        return b->is_sick() && b != backend; // backends ejected by health checks reduce the capacity as well
    }));
    if (!may_eject(out, members.size(), rules->max_ejected))
        return backend->set_errors(0); // so that it is reported again
    auto& host = ejected_[backend.get()];
    if (!host) host = std::make_shared<EjectedHost>(context_, backend);
    const auto time = host->history.eject(std::chrono::steady_clock::now(), rules->base_time);
    ++host->ejections;
    host->error_limit = rules->consecutive_errors;
    host->set(balancer::Ejection::ejected);
    host->timer.expires_after(time);
    host->timer.async_wait([this, weak = std::weak_ptr(host)](boost::system::error_code error) {
        const auto self = weak.lock();
        // The backend may have been unejected and ejected again after this timer had expired.
        const bool is_over = self && self->timer.expiry() <= std::chrono::steady_clock::now();
        if (is_over && !error && self->backend->ejection() == balancer::Ejection::ejected) come_back(*self);
    });
    on_change_(backend, time);
}

void OutlierDetector::come_back(EjectedHost& host) {
    const auto now = std::chrono::steady_clock::now();
    host.history.come_back(now);
    host.backend->set_errors(host.error_limit - 1); // the next error ejects it again
    host.backend->set_ramp_start(now);
    host.set(balancer::Ejection::none);
    on_change_(host.backend, conf::Duration(0));
}

void OutlierDetector::uneject(const balancer::Backend& backend) {
    const auto found = ejected_.find(&backend);
    if (found == ejected_.end() || backend.ejection() == balancer::Ejection::none) return;
    auto& host = *found->second;
    host.timer.cancel();
    host.history.uneject();
    host.backend->set_errors(0);
    host.set(balancer::Ejection::none);
    on_change_(host.backend, conf::Duration(0));
}

std::uint64_t OutlierDetector::ejections(const balancer::Backend& backend) const {
    const auto it = ejected_.find(&backend);
    return it == ejected_.end() ? 0 : it->second->ejections;
}

std::optional<std::chrono::system_clock::time_point>
OutlierDetector::last_change(const balancer::Backend& backend) const {
    const auto it = ejected_.find(&backend);
    if (it == ejected_.end()) return std::nullopt;
    return it->second->changed;
}

} // namespace weir::health
