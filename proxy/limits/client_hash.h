// Hashes the clients of a limit with a secret, so that no client can choose whose place in a table it shares.
//
// Thread: immutable.
// Lifetime: a value.
#pragma once

#include "base/sip_hash.h"
#include "conf/model/address.h"

#include <cstdint>
#include <string_view>

namespace weir::proxy::limits {

class ClientHash {
public:
    explicit ClientHash(const SipKey& secret) : by_address_(secret), by_text_{secret[0], ~secret[1]} {}

    // Returns the hash of a client that is known by its address: IPv6 clients by their /64, which one customer usually
    // has as a whole. All clients without an address (unset) have the same.
    std::uint64_t of(const conf::Address& client) const {
        const auto address = client.unmapped();
        const std::size_t size = !address.is_set() ? 0 : address.family() == AF_INET ? 4 : 8;
        return sip_hash(by_address_, {reinterpret_cast<const char*>(address.bytes().data()), size});
    }
    // Returns the hash of a client that is known by a text.
    std::uint64_t of(std::string_view client) const { return sip_hash(by_text_, client); }

private:
    SipKey by_address_, by_text_; // an address and a text are never the same client
};

} // namespace weir::proxy::limits
