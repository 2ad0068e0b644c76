// Network addresses as they are written in the configuration: IP:port, address blocks, and the admin address.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <netinet/in.h>
#include <sys/socket.h>

namespace weir::conf {

// An IPv4 or IPv6 address with a port. An IPv4 address is stored as such, not mapped to IPv6.
class Address {
public:
    Address() = default;
    Address(const Address&) = default;
    Address& operator=(const Address&) = default;

    // Parses "10.0.0.1:80" or "[::1]:80". An error says what is wrong and how to write an address.
    static Result<Address> parse(std::string_view text);
    // Converts a socket address; the result is unset if the family is neither AF_INET nor AF_INET6.
    static Address from(const sockaddr* addr);

    bool is_set() const { return family_ != AF_UNSPEC; }
    int family() const { return family_; }
    std::uint16_t port() const { return port_; }
    void set_port(std::uint16_t port) { port_ = port; }
    bool is_loopback() const;
    // Returns the IPv4 address that an IPv4-mapped IPv6 address stands for; any other address as it is.
    Address unmapped() const;
    const std::array<unsigned char, 16>& bytes() const { return bytes_; } // an IPv4 address uses the first four

    std::string ip_text() const;
    std::string text() const; // "10.0.0.1:80", "[::1]:80"

    // Fills a socket address and returns its length in bytes.
    socklen_t to_sockaddr(sockaddr_storage& out) const;

    auto operator<=>(const Address&) const = default;

private:
    int family_ = AF_UNSPEC;
    std::uint16_t port_ = 0;
    std::array<unsigned char, 16> bytes_{};
};

// The longest path of a unix socket, in bytes (unix(7)).
inline constexpr std::size_t max_socket_path = 107;

// The address of a backend: an IP address or a host name, each with a port, or a unix socket.
struct BackendAddress {
    Address ip;              // unset for a host name or a unix socket
    std::string host;        // the host name; empty for an IP address or a unix socket
    std::string socket_path; // the path of a unix socket; empty otherwise
    std::uint16_t port = 0;

    BackendAddress() = default;
    BackendAddress(const Address& address) : ip(address), port(address.port()) {} // implicit by design

    // Parses "10.0.0.1:80", "[::1]:80", "app.internal:80" or "unix:/run/app.sock".
    static Result<BackendAddress> parse(std::string_view text);
    bool is_name() const { return !host.empty(); }
    bool is_unix() const { return !socket_path.empty(); }
    bool is_set() const { return is_name() || is_unix() || ip.is_set(); }
    std::string text() const;
    // Returns the name of a backend that has no name in the configuration: its address, or the file name of its socket.
    std::string default_name() const;

    auto operator<=>(const BackendAddress&) const = default;
};

// A block of addresses: "10.0.0.0/8", "fd00::/8", or a single address.
struct Cidr {
    int family = AF_UNSPEC;
    std::array<unsigned char, 16> bytes{};
    unsigned prefix = 0;

    static Result<Cidr> parse(std::string_view text);
    bool contains(const Address& address) const; // an IPv4-mapped IPv6 client counts as IPv4
    std::string text() const;
    bool operator==(const Cidr&) const = default;
};

// The address of the admin API: "127.0.0.1:9901" or "unix:/run/weir/admin.sock".
struct AdminAddress {
    std::variant<Address, std::string> where;

    static Result<AdminAddress> parse(std::string_view text);
    bool is_unix() const { return where.index() == 1; }
    std::string text() const;
    bool operator==(const AdminAddress&) const = default;
};

} // namespace weir::conf
