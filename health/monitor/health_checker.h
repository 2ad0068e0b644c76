// Checks every backend of a configuration and is the only writer of verdicts.
//
// Thread: the control thread.
// Lifetime: the io_context and the listener must outlive the checker; coroutines that it started end soon after `stop`
// and hold what they use.
#pragma once

#include "balancer/backend.h"
#include "base/clock.h"
#include "conf/model/config.h"
#include "health/monitor/verdict_listener.h"
#include "health/probes/probe_tls.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

namespace weir::health {

// A backend and its check. A backend without a check counts as up.
struct Target {
    balancer::BackendPtr backend;
    std::optional<conf::HealthCheck> check;
    conf::ProxyProtocol proxy_protocol =
        conf::ProxyProtocol::none; // the PROXY protocol version that the backend's own port expects
    ProbeTls tls{};
    conf::BackendProtocol protocol =
        conf::BackendProtocol::http1; // the version of HTTP that the backend's own port speaks

    // Returns whether the backend is checked in the same way.
    bool has_check_of(const Target& other) const {
        return check == other.check && proxy_protocol == other.proxy_protocol && tls == other.tls &&
               protocol == other.protocol;
    }
};

// The initial health record of a backend, apart from its verdict.
struct Inherited {
    Progress progress;
    std::optional<Clock::WallTime> since; // when the verdict last changed; unset: now
};

class HealthChecker {
public:
    // Calls `listener` whenever a verdict changes; checks nothing before `watch`.
    HealthChecker(boost::asio::io_context& context, VerdictListener& listener);
    ~HealthChecker();
    HealthChecker(const HealthChecker&) = delete;
    HealthChecker& operator=(const HealthChecker&) = delete;

    // Records that a backend has sent a heartbeat. Ignored if the backend does not have a push check.
    void beat(const balancer::Backend& backend);

    // Sets the health of a backend to what another process, or a configuration that is restored, knew about it. It
    // takes effect at once: checks in flight are discarded, and the next `watch` starts with it.
    void inherit(const balancer::BackendPtr& backend, Verdict verdict, const Inherited& inherited);

    // Replaces the set of backends to check. If the check of a backend is unchanged, it continues with its progress. If
    // it has changed, the backend keeps its verdict until new results change it.
    void watch(const std::vector<Target>& targets);
    // Ends all checks. Verdicts become unknown.
    void stop() { watch({}); }

    // Returns the health of a backend; null if the backend is not watched.
    const Health* find(const balancer::Backend& backend) const;

private:
    struct Watcher;
    enum class Leaving { replaced, gone }; // replaced: by another check of the same backend

    static void stop(Watcher& watcher, Leaving leaving);
    void start(Watcher& watcher, Watcher* before);
    double next_phase();

    boost::asio::io_context& context_;
    VerdictListener& listener_;
    std::shared_ptr<std::mt19937> random_;
    double phase_;         // the phase of the last watcher
    bool started_ = false; // set after the first `watch`; backends added later start slowly
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Watcher>> watchers_;
    std::unordered_map<const balancer::Backend*, Inherited> inherited_; // kept until the next `watch`
};

} // namespace weir::health
