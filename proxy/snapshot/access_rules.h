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
        : allowed_(access.allow), denied_(access.deny), allows_all_(access.allow.empty()),
          denies_none_(access.deny.empty()) {}

    // Returns whether a client is served; one whose address is not known (unset) only if there are no rules. Takes
    // O(log n) comparisons for n blocks.
    bool allow(const conf::Address& client) const {
        if (!client.is_set()) return allows_all_ && denies_none_;
        return (allows_all_ || allowed_.contains(client)) && !denied_.contains(client);
    }

private:
    conf::AddressBlocks allowed_, denied_;
    bool allows_all_ = true, denies_none_ = true;
};

} // namespace weir::proxy::http
