#include "health/ejector.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace weir::health {

// A backend that has been out at least once.
struct Ejector::Suspect {
    Suspect(boost::asio::io_context& context, balancer::BackendPtr who) : backend(std::move(who)), timer(context) {}

    balancer::BackendPtr backend;
    OutlierHistory history;
    std::uint64_t ejections = 0;
    std::uint32_t patience = 1; // errors in a row that put it out
    boost::asio::steady_timer timer;
};

Ejector::~Ejector() = default;

void Ejector::watch(const std::vector<OutlierPool>& pools) {
    pools_.clear();
    for (const auto& pool : pools) {
        if (!pool.rules) continue;
        const auto shared = std::make_shared<const OutlierPool>(pool);
        for (const auto& backend : pool.backends) pools_[backend.get()] = shared;
    }
    std::erase_if(suspects_, [&](auto& entry) {
        if (pools_.contains(entry.first)) return false;
        if (entry.second->backend->ejection() == balancer::Ejection::ejected) come_back(*entry.second);
        return true;
    });
}

void Ejector::report(const balancer::BackendPtr& backend) {
    const auto pool = pools_.find(backend.get());
    if (pool == pools_.end() || backend->ejection() == balancer::Ejection::ejected) return;
    const auto& [members, rules] = *pool->second;
    const auto out = static_cast<std::size_t>(std::count_if(members.begin(), members.end(), [&](const auto& b) {
        return b->is_sick() && b != backend; // whoever has put it out: the others are all that is left
    }));
    if (!may_eject(out, members.size(), rules->max_ejected)) return backend->set_errors(0); // to be reported again
    auto& suspect = suspects_[backend.get()];
    if (!suspect) suspect = std::make_shared<Suspect>(context_, backend);
    const auto time = suspect->history.eject(std::chrono::steady_clock::now(), rules->base_time);
    ++suspect->ejections;
    suspect->patience = rules->consecutive_errors;
    backend->set_ejection(balancer::Ejection::ejected);
    suspect->timer.expires_after(time);
    suspect->timer.async_wait([this, weak = std::weak_ptr(suspect)](boost::system::error_code error) {
        const auto self = weak.lock();
        // It may have been pardoned, and put out again, when this was on its way already.
        const bool is_over = self && self->timer.expiry() <= std::chrono::steady_clock::now();
        if (is_over && !error && self->backend->ejection() == balancer::Ejection::ejected) come_back(*self);
    });
    on_change_(backend, time);
}

void Ejector::come_back(Suspect& suspect) {
    const auto now = std::chrono::steady_clock::now();
    suspect.history.come_back(now);
    suspect.backend->set_errors(suspect.patience - 1); // on trial
    suspect.backend->set_ramp_start(now);
    suspect.backend->set_ejection(balancer::Ejection::none);
    on_change_(suspect.backend, conf::Duration(0));
}

void Ejector::pardon(const balancer::Backend& backend) {
    const auto found = suspects_.find(&backend);
    if (found == suspects_.end() || backend.ejection() == balancer::Ejection::none) return;
    auto& suspect = *found->second;
    suspect.timer.cancel();
    suspect.history.pardon();
    suspect.backend->set_errors(0);
    suspect.backend->set_ejection(balancer::Ejection::none);
    on_change_(suspect.backend, conf::Duration(0));
}

std::uint64_t Ejector::ejections(const balancer::Backend& backend) const {
    const auto it = suspects_.find(&backend);
    return it == suspects_.end() ? 0 : it->second->ejections;
}

} // namespace weir::health
