// Hashes the clients of a limit with a secret, so that no client can choose whose place in a table it shares.
//
// Thread: immutable.
// Lifetime: a value.
#pragma once

#include "base/sip_hash.h"
#include "conf/model/address.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace weir::proxy::limits {

class ClientHash {
public:
    explicit ClientHash(const SipKey& secret) : by_address_(secret), by_text_{secret[0], ~secret[1]} {}

    // Returns the hash of a client that is known by its address: IPv6 clients by their /64, which one customer usually
    // has as a whole, unless a translator has put IPv4 addresses there (64:ff9b::/96, RFC 6052 section 2.1). All
    // clients without an address (unset) have the same.
    std::uint64_t of(const conf::Address& client) const {
        constexpr unsigned char translated[8] = {0, 0x64, 0xff, 0x9b};
        const auto address = client.unmapped();
        const auto& bytes = address.bytes();
        std::size_t size = !address.is_set() ? 0 : address.family() == AF_INET ? 4 : 8;
        if (size == 8 && std::equal(std::begin(translated), std::end(translated), bytes.begin())) size = 16;
        return sip_hash(by_address_, {reinterpret_cast<const char*>(address.bytes().data()), size});
    }
    // Returns the hash of a client that is known by a text.
    std::uint64_t of(std::string_view client) const { return sip_hash(by_text_, client); }

private:
    SipKey by_address_, by_text_; // an address and a text are never the same client
};

} // namespace weir::proxy::limits
