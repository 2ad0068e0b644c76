#include "proxy/runtime/listen_sockets.h"

#include "proxy/io/socket_options.h"

#include <algorithm>

#include <sys/socket.h>

namespace weir::proxy {
namespace {

constexpr int backlog = 4096; // the kernel's own limit (somaxconn) may be lower

enum class Sharing { alone, with_workers };

// Returns a bound socket.
Result<UniqueFd> bind_socket(const conf::Address& address, Sharing sharing) {
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return last_system_error();
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (sharing == Sharing::with_workers) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address.family() == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    sockaddr_storage raw;
    const auto length = address.to_sockaddr(raw);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&raw), length) != 0) return last_system_error();
    return fd;
}

} // namespace

// Returns whether another socket of this process uses the port: "0.0.0.0:80" and "127.0.0.1:80" conflict.
bool ListenSockets::shares_port(const conf::Address& address, const Prepared& prepared) const {
    const auto same_port = [&](const auto& entry) { return entry.first.port() == address.port(); };
    const auto any = [&](const auto& sockets) { return std::any_of(sockets.begin(), sockets.end(), same_port); };
    return any(sockets_) || any(inherited_) || any(prepared.bound_);
}

std::vector<ListenSocket> ListenSockets::take_inherited(const conf::Address& address) {
    const auto it = inherited_.find(address);
    if (it == inherited_.end()) return {};
    auto sockets = std::move(it->second);
    inherited_.erase(it);
    return sockets;
}

// Binds one socket per worker for the address, in `prepared`.
Result<void> ListenSockets::bind_for(const conf::Address& address, Prepared& prepared) {
    if (!shares_port(address, prepared)) {
        // With SO_REUSEPORT, a port of another weir process would look free; a plain bind detects the conflict.
        if (const auto alone = bind_socket(address, Sharing::alone); !alone) return alone.error();
    }
    auto& sockets = prepared.bound_[address] = take_inherited(address);
    while (sockets.size() < workers_) {
        auto fd = bind_socket(address, Sharing::with_workers);
        if (!fd) return fd.error();
        sockets.push_back(std::make_shared<const UniqueFd>(*std::move(fd)));
    }
    return {};
}

void ListenSockets::listen(Prepared& prepared) {
    for (const auto& [address, sockets] : prepared.bound_)
        for (const auto& socket : sockets) {
            set_connection_options(socket->get());
            if (::listen(socket->get(), backlog) == 0) continue;
            prepared.failures.push_back({address, last_system_error()});
            break;
        }
}

std::vector<conf::Address> ListenSockets::unused() const {
    std::vector<conf::Address> addresses;
    for (const auto& [address, _] : inherited_) addresses.push_back(address);
    return addresses;
}

ListenSockets::Prepared ListenSockets::prepare(const std::vector<conf::Address>& addresses) {
    Prepared prepared;
    prepared.wanted_ = addresses;
    for (const auto& address : addresses)
        if (!sockets_.contains(address))
            if (const auto bound = bind_for(address, prepared); !bound)
                prepared.failures.push_back({address, bound.error()});
    return prepared;
}

std::vector<ListenSocket> ListenSockets::of_worker(const conf::Address& address, std::size_t worker) const {
    const auto& sockets = sockets_.at(address);
    std::vector<ListenSocket> own;
    for (auto i = worker; i < sockets.size(); i += workers_) own.push_back(sockets[i]);
    return own;
}

void ListenSockets::commit(Prepared&& prepared) {
    sockets_.merge(prepared.bound_);
    std::erase_if(sockets_, [&](const auto& entry) {
        return std::find(prepared.wanted_.begin(), prepared.wanted_.end(), entry.first) == prepared.wanted_.end();
    });
    inherited_.clear(); // of listeners that the configuration no longer has
}

} // namespace weir::proxy
