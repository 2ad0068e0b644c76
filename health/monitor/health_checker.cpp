#include "health/monitor/health_checker.h"

#include "health/monitor/check_session.h"

#include <utility>

namespace weir::health {

struct HealthChecker::Watcher {
    Target target;
    std::shared_ptr<Record> record;
    CheckSessionPtr session; // null without a check
};

HealthChecker::HealthChecker(boost::asio::io_context& context, VerdictListener& listener)
    : context_(context), listener_(listener), random_(std::make_shared<std::mt19937>(std::random_device{}())),
      phase_(std::uniform_real_distribution<double>(0, 1)(*random_)) {}

HealthChecker::~HealthChecker() { stop(); }

void HealthChecker::inherit(const balancer::BackendPtr& backend, Verdict verdict, const Inherited& inherited) {
    if (const auto it = watchers_.find(backend.get()); it != watchers_.end()) stop(*it->second, Leaving::replaced);
    backend->set_verdict(verdict);
    inherited_.insert_or_assign(backend.get(), inherited);
}

void HealthChecker::watch(const std::vector<Target>& targets) {
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Watcher>> now;
    for (const auto& target : targets) {
        const auto known = watchers_.find(target.backend.get());
        const auto inherited = inherited_.find(target.backend.get());
        auto& watcher = now[target.backend.get()];
        if (known != watchers_.end() && inherited == inherited_.end() && known->second->target.has_check_of(target)) {
            watcher = std::move(known->second);
            watchers_.erase(known);
            continue;
        }
        const auto arrival = started_ ? Arrival::later : Arrival::at_start;
        const auto thresholds = target.check ? Thresholds{target.check->fall, target.check->rise} : Thresholds{};
        auto record = std::make_shared<Record>(clock_of(context_), target.backend, thresholds, arrival, listener_);
        if (known != watchers_.end()) {
            record->health = known->second->record->health;
            record->health.progress = {};
        }
        if (inherited != inherited_.end()) {
            record->health.progress = inherited->second.progress;
            record->health.since = inherited->second.since.value_or(clock_of(context_).wall_now());
        }
        watcher = std::make_shared<Watcher>(Watcher{target, std::move(record), nullptr});
        start(*watcher, known == watchers_.end() ? nullptr : known->second.get());
    }
    inherited_.clear();
    started_ = true;
    for (auto& [backend, watcher] : watchers_)
        stop(*watcher, now.contains(backend) ? Leaving::replaced : Leaving::gone);
    watchers_ = std::move(now);
}

void HealthChecker::start(Watcher& watcher, Watcher* before) {
    const double phase = next_phase();
    const auto& target = watcher.target;
    if (!target.check) return watcher.record->assume_up();
    const CheckInputs inputs{&context_,       watcher.record, *target.check, target.proxy_protocol,
                             target.protocol, target.tls,     random_,       phase};
    if (before && before->session && before->session->take_over(inputs)) {
        watcher.session = std::move(before->session);
        return;
    }
    watcher.session = make_check_session(inputs);
    watcher.session->start();
}

void HealthChecker::stop(Watcher& watcher, Leaving leaving) {
    if (leaving == Leaving::gone)
        watcher.target.backend->set_verdict(Verdict::unknown); // it may be added again later, without a check
    if (watcher.session) watcher.session->stop();
}

// Steps by the golden ratio, so that any number of phases is evenly distributed and no two coincide.
double HealthChecker::next_phase() {
    phase_ += 0.6180339887498949;
    if (phase_ >= 1) phase_ -= 1;
    return phase_;
}

void HealthChecker::beat(const balancer::Backend& backend) {
    if (const auto it = watchers_.find(&backend); it != watchers_.end() && it->second->session)
        it->second->session->beat();
}

const Health* HealthChecker::find(const balancer::Backend& backend) const {
    const auto it = watchers_.find(&backend);
    return it == watchers_.end() ? nullptr : &it->second->record->health;
}

} // namespace weir::health
