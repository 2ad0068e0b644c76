// Probes every backend of a configuration and is the only writer of verdicts.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it; coroutines that it started end soon after `stop`, and hold what they use.
#pragma once

#include "balancer/backend.h"
#include "conf/config.h"
#include "health/beat.h"
#include "health/thresholds.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::health {

// What to watch: a backend, and how; without a check it counts as up.
struct Target {
    balancer::BackendPtr backend;
    std::optional<conf::HealthCheck> check;
    conf::ProxyProtocol proxy_protocol = conf::ProxyProtocol::none; // what the backend's own port expects
};

// What is known of one backend, for status and metrics.
struct Health {
    Progress progress;
    std::uint64_t checks = 0, failed_checks = 0, ejections = 0;
    std::string why;                                                                // of the last failure
    std::chrono::system_clock::time_point since = std::chrono::system_clock::now(); // the verdict stands
};

class Monitor {
public:
    // Told of each verdict that changes, after it was written.
    using OnVerdict = std::function<void(const balancer::BackendPtr&, Verdict before, const Health&)>;

    Monitor(boost::asio::io_context& context, OnVerdict on_verdict);
    ~Monitor();
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    // A backend has sent a beat; one that is not watched for beats does not mind.
    void beat(const balancer::Backend& backend);

    // What is known of a backend from elsewhere: another process, or a configuration that comes back. It counts at
    // once, nothing that is under way speaks against it, and the next `watch` begins with it.
    void inherit(const balancer::BackendPtr& backend, Verdict verdict, Progress progress);

    // Watches these from now on. A backend whose check is the same goes on undisturbed, with its progress; one whose
    // check has changed keeps its verdict until new probes say otherwise.
    void watch(const std::vector<Target>& targets);
    void stop() { watch({}); }

    // Null for a backend that is not watched.
    const Health* find(const balancer::Backend& backend) const;

private:
    class Watcher;

    double next_phase();

    boost::asio::io_context& context_;
    OnVerdict on_verdict_;
    std::shared_ptr<std::mt19937> random_;
    double phase_;         // of the last watcher
    bool started_ = false; // backends that join from now on are new
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Watcher>> watchers_;
    std::unordered_map<const balancer::Backend*, Progress> inherited_; // until the next `watch`
};

} // namespace weir::health
