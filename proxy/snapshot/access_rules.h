// Which clients a route serves, by their addresses.
//
// Thread: immutable.
// Lifetime: owns its blocks.
#pragma once

#include "conf/model/address_blocks.h"
#include "conf/model/config.h"

namespace weir::proxy::http {

class AccessRules {
public:
    AccessRules() = default; // serves every client
    explicit AccessRules(const conf::Access& access)
        : allowed_(access.allow), denied_(access.deny), allows_all_(access.allow.empty()) {}

    // Returns whether a client is served. Takes O(log n) comparisons for n blocks.
    bool allow(const conf::Address& client) const {
        return (allows_all_ || allowed_.contains(client)) && !denied_.contains(client);
    }

private:
    conf::AddressBlocks allowed_, denied_;
    bool allows_all_ = true;
};

} // namespace weir::proxy::http
