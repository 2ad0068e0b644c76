// Finds the client's address in X-Forwarded-For, or in Forwarded (RFC 7239) if there is no X-Forwarded-For.
//
// Each proxy appends the address of its own peer, so the chain is read from its right end for as long as its addresses
// are trusted proxies. The first other address is the client. An entry that is not an address ends the chain: the
// trusted proxy that passed it on then counts as the client, but rules about clients do not take it for one.
//
// Thread: pure functions.
// Lifetime: the functions keep nothing.
#pragma once

#include "conf/model/address_blocks.h"
#include "proxy/http1/head.h"

#include <optional>
#include <string_view>

namespace weir::proxy::http {

// Parses "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80"; the port is 0 if there is
// none. An IPv4-mapped address becomes IPv4. Returns an unset address for anything else, such as "_hidden".
conf::Address parse_node(std::string_view text);

// Follows one chain, address by address from its left end, without storing it.
class ClientChain {
public:
    explicit ClientChain(const conf::AddressBlocks& trusted) : trusted_(trusted) {}

    void add_forwarded_for(std::string_view value);            // of one X-Forwarded-For field
    void add_forwarded(std::string_view value);                // of one Forwarded field
    void add_unknown() { client_.reset(), is_known_ = false; } // an entry that is not an address

    // Returns the client according to the chain so far; unset if the rightmost entry is not an address.
    const std::optional<conf::Address>& client() const { return client_; }
    // Returns false if a proxy has forwarded for a client that it does not name: then client() is that proxy, if it is
    // set.
    bool is_known() const { return is_known_; }

private:
    void add(const conf::Address& address);
    bool add_element(std::string_view& rest);

    const conf::AddressBlocks& trusted_;
    std::optional<conf::Address> client_;
    bool is_known_ = true;
};

// Reads the chain of a request that came from a trusted proxy. Takes time linear in the size of the head, times the
// logarithm of the number of blocks.
ClientChain read_client_chain(const RequestHead& head, const conf::AddressBlocks& trusted);

// Returns the client of a request that came from a trusted proxy; unset if the head does not name one, so that the
// proxy counts as the client. Takes time linear in the size of the head, times the logarithm of the number of blocks.
std::optional<conf::Address> find_client(const RequestHead& head, const conf::AddressBlocks& trusted);

} // namespace weir::proxy::http
