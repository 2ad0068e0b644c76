#include "proxy/reload/runtime_sample.h"

namespace weir::proxy {

HealthSample take_sample(const Runtime& runtime) {
    using Counters = balancer::BackendCounters;
    HealthSample sample;
    for (const auto& pool : runtime.snapshot()->pools) {
        auto& seen = sample[pool->config.name];
        for (const auto& member : pool->members) {
            seen.counts.push_back({reinterpret_cast<std::uintptr_t>(member.backend.get()),
                                   member.backend->total(&Counters::requests),
                                   member.backend->total(&Counters::errors)});
            if (member.state != conf::AdminState::ready) continue;
            ++seen.members;
            seen.sick += member.backend->is_sick();
        }
    }
    return sample;
}

ListenerTries count_listeners(const Runtime& runtime) {
    ListenerTries all;
    for (const auto& listener : runtime.snapshot()->listeners) {
        auto& seen = all[listener->config.name];
        for (const auto& worker : listener->stats->workers) {
            seen.tries += worker.outcomes.read();
            seen.errors += worker.refused.read();
        }
    }
    return all;
}

} // namespace weir::proxy
