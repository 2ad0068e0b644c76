// Network addresses as the configuration writes them: IP:port, a block of addresses, the admin address.
//
// Thread: values.
// Lifetime: own what they hold.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <netinet/in.h>
#include <sys/socket.h>

namespace weir::conf {

// An IPv4 or IPv6 address with a port. IPv4 is kept as it is, never mapped into IPv6.
class Address {
public:
    Address() = default;
    Address(const Address&) = default;
    Address& operator=(const Address&) = default;

    // Reads "10.0.0.1:80" or "[::1]:80". On failure `why` says what is wrong and the result is unset.
    static Address parse(std::string_view text, std::string& why);
    static Address from(const sockaddr* addr);

    bool is_set() const { return family_ != AF_UNSPEC; }
    int family() const { return family_; }
    std::uint16_t port() const { return port_; }
    void set_port(std::uint16_t port) { port_ = port; }
    bool is_loopback() const;
    const std::array<unsigned char, 16>& bytes() const { return bytes_; } // IPv4 fills the first four

    std::string ip_text() const;
    std::string text() const; // "10.0.0.1:80", "[::1]:80"

    // Fills a socket address; returns its length in bytes.
    socklen_t to_sockaddr(sockaddr_storage& out) const;

    auto operator<=>(const Address&) const = default;

private:
    int family_ = AF_UNSPEC;
    std::uint16_t port_ = 0;
    std::array<unsigned char, 16> bytes_{};
};

// Where a backend is: an address, or a name that is looked up, and a port.
struct BackendAddress {
    Address ip;       // unset where it is a name
    std::string host; // the name; empty where it is an address
    std::uint16_t port = 0;

    BackendAddress() = default;
    BackendAddress(const Address& address) : ip(address), port(address.port()) {} // an address is one way to say it

    // Reads "10.0.0.1:80", "[::1]:80" or "app.internal:80".
    static BackendAddress parse(std::string_view text, std::string& why);
    bool is_name() const { return !host.empty(); }
    bool is_set() const { return is_name() || ip.is_set(); }
    std::string text() const { return is_name() ? host + ":" + std::to_string(port) : ip.text(); }

    auto operator<=>(const BackendAddress&) const = default;
};

// A block of addresses: "10.0.0.0/8", "fd00::/8", or one address alone.
struct Cidr {
    int family = AF_UNSPEC;
    std::array<unsigned char, 16> bytes{};
    unsigned prefix = 0;

    static Cidr parse(std::string_view text, std::string& why);
    bool contains(const Address& address) const; // an IPv4-mapped IPv6 client counts as IPv4
    std::string text() const;
    bool operator==(const Cidr&) const = default;
};

// "127.0.0.1:9901" or "unix:/run/weir/admin.sock".
struct AdminAddress {
    std::variant<Address, std::string> where;

    static AdminAddress parse(std::string_view text, std::string& why);
    bool is_unix() const { return where.index() == 1; }
    std::string text() const;
    bool operator==(const AdminAddress&) const = default;
};

} // namespace weir::conf
