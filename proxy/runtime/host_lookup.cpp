#include "proxy/runtime/host_lookup.h"

#include "base/unique_fd.h"

#include <algorithm>
#include <memory>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::proxy {
namespace {

constexpr std::size_t max_addresses = 1024; // per host name

// Returns whether there is a route to the address; connecting a datagram socket sends no packet.
bool is_reachable(conf::Address address) {
    address.set_port(9);
    sockaddr_storage raw;
    const auto length = address.to_sockaddr(raw);
    const UniqueFd fd(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&raw), length) == 0;
}

} // namespace

ResolvedHost look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(raw, [](addrinfo* a) {
        if (a) ::freeaddrinfo(a);
    });
    if (error != 0) return Error(::gai_strerror(error));
    std::vector<conf::Address> addresses;
    for (const auto* one = raw; one && addresses.size() < max_addresses; one = one->ai_next)
        if (const auto address = conf::Address::from(one->ai_addr); address.is_set()) addresses.push_back(address);
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    const auto reachable = [](const auto& a) { return a.family() == AF_INET || is_reachable(a); };
    if (std::any_of(addresses.begin(), addresses.end(), reachable))
        std::erase_if(addresses, [&](const auto& a) { return !reachable(a); });
    if (addresses.empty()) return Error("the name has no address");
    return addresses;
}

} // namespace weir::proxy
