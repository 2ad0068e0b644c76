// Puts backends out that fail live requests, and brings them back on trial: the first error after that puts them out
// again. It is the only writer of ejections; verdicts are the monitor's.
//
// Thread: the control thread; workers report through it.
// Lifetime: the io_context must outlive it.
#pragma once

#include "balancer/backend.h"
#include "health/outlier.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace weir::health {

// A pool's backends that could be ejected, and by which rules.
struct OutlierPool {
    std::vector<balancer::BackendPtr> backends;
    std::optional<conf::OutlierEjection> rules;
};

class Ejector {
public:
    // Told of each change, after it was written. `time` is how long a backend is out, 0 where it is back.
    using OnChange = std::function<void(const balancer::BackendPtr&, conf::Duration time)>;

    Ejector(boost::asio::io_context& context, OnChange on_change)
        : context_(context), on_change_(std::move(on_change)) {}
    ~Ejector();
    Ejector(const Ejector&) = delete;
    Ejector& operator=(const Ejector&) = delete;

    // Watches these from now on. Who is out stays out, unless its pool has no rules any more.
    void watch(const std::vector<OutlierPool>& pools);

    // Live traffic has seen as many errors in a row as the rules allow.
    void report(const balancer::BackendPtr& backend);

    // Brings a backend back that is out, not on trial: what put it out was not its own fault.
    void pardon(const balancer::Backend& backend);

    // How often a backend has been put out so far.
    std::uint64_t ejections(const balancer::Backend& backend) const;

private:
    struct Suspect;

    void come_back(Suspect& suspect);

    boost::asio::io_context& context_;
    OnChange on_change_;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Suspect>> suspects_;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<const OutlierPool>> pools_;
};

} // namespace weir::health
