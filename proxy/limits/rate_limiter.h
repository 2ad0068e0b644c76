// The limit of the requests of each client of one route.
//
// Thread: any; `take` neither waits nor allocates.
// Lifetime: shared by the snapshots that have the same route with the same limit, so that a reload keeps its counts.
#pragma once

#include "conf/model/config.h"
#include "proxy/limits/client_hash.h"
#include "proxy/limits/rate_table.h"

#include <string>
#include <string_view>

namespace weir::proxy::limits {

class RateLimiter {
public:
    // `name` is shown to clients. `secret` is random, so that no client can choose whose limit it shares.
    RateLimiter(const conf::RateLimit& limit, const std::string& name, const SipKey& secret, RateTable::Time now);

    // Counts a request of a client that is known by its address. Clients without one (unset) share one limit.
    RateDecision take(const conf::Address& client, RateTable::Time now);
    // Counts a request of a client that is known by a text.
    RateDecision take(std::string_view client, RateTable::Time now);

    const conf::ClientKey& key() const { return key_; }
    // Return the fields that tell a refused client its limit (draft-ietf-httpapi-ratelimit-headers).
    const std::string& policy_field() const { return policy_; } // RateLimit-Policy
    std::string limit_field(std::chrono::seconds wait) const;   // RateLimit

private:
    const conf::ClientKey key_;
    const ClientHash hash_;
    const std::string name_, policy_;
    RateTable table_;
};

} // namespace weir::proxy::limits
