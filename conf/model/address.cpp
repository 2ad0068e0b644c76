#include "conf/model/address.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>

namespace weir::conf {
namespace {

struct Ip {
    int family;
    std::array<unsigned char, 16> bytes; // an IPv4 address fills the first four
};

std::optional<Ip> parse_ip(std::string_view text) {
    const std::string copy(text);
    Ip ip{copy.find(':') == std::string::npos ? AF_INET : AF_INET6, {}};
    if (inet_pton(ip.family, copy.c_str(), ip.bytes.data()) != 1) return std::nullopt;
    return ip;
}

std::string format_ip(int family, const std::array<unsigned char, 16>& bytes) {
    char out[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, bytes.data(), out, sizeof out);
    return out;
}

// Parses a plain decimal number from `least` to `most`.
std::optional<std::uint16_t> parse_number(std::string_view text, std::uint16_t least, std::uint16_t most) {
    std::uint16_t value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ptr != end || result.ec != std::errc{}) return std::nullopt;
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    if (value < least || value > most) return std::nullopt;
    return value;
}

std::optional<std::uint16_t> parse_port(std::string_view text) { return parse_number(text, 1, 65535); }

// Returns whether the text may contain a password, as "user:secret@host" does. If so, no part of it may be quoted in an
// error.
bool has_password(std::string_view text) {
    const auto at = text.rfind('@');
    return at != std::string_view::npos && text.substr(0, at).find(':') != std::string_view::npos;
}

constexpr const char* no_user_info = "an address has no user name and no password: write only what follows the \"@\"";

Error bad_port(std::string_view text) { return Error("\"" + std::string(text) + "\" is not a port (1 to 65535)"); }

} // namespace

Result<Address> Address::parse(std::string_view text) {
    if (has_password(text)) return Error(no_user_info);
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return Error("an address is IP:port, such as \"10.0.0.11:8080\" or \"[::1]:8080\"; the port is missing");
    auto ip = text.substr(0, colon);
    const bool bracketed = ip.size() >= 2 && ip.front() == '[' && ip.back() == ']';
    if (bracketed) ip = ip.substr(1, ip.size() - 2);
    Address address;
    if (ip.empty())
        return Error("the IP address is missing; to listen everywhere write \"0.0.0.0:PORT\" or \"[::]:PORT\"");
    const auto parsed = parse_ip(ip);
    if (!parsed) return Error("\"" + std::string(ip) + "\" is not an IP address");
    address.family_ = parsed->family;
    address.bytes_ = parsed->bytes;
    if ((address.family_ == AF_INET6) != bracketed) return Error("write an IPv6 address in brackets: \"[::1]:8080\"");
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return bad_port(text.substr(colon + 1));
    address.port_ = *port;
    return address;
}

namespace {

// Returns the path in a text such as "unix:/run/app.sock".
Result<std::string> parse_socket_path(std::string_view text) {
    const auto path = text.substr(std::string_view("unix:").size());
    const bool plain = std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
    if (path.size() < 2 || path[0] != '/' || path.back() == '/' || path.size() > max_socket_path || !plain)
        return Error("a unix socket is \"unix:/absolute/path\" of at most " + std::to_string(max_socket_path) +
                     " bytes, without spaces");
    return std::string(path);
}

// Returns whether this is a host name (RFC 1123 section 2.1). A name with a numeric last label is rejected, because it
// is most likely a mistyped address.
bool is_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > 253) return false;
    bool numeric = true;
    std::size_t length = 0; // of the current label
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const char c = i < text.size() ? text[i] : '.';
        if (c == '.') {
            if (length == 0 || length > 63 || text[i - 1] == '-') return false;
            if (i < text.size()) numeric = true;
            length = 0;
            continue;
        }
        const bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!digit && !letter && c != '_' && (c != '-' || length == 0)) return false;
        numeric = numeric && digit;
        ++length;
    }
    return !numeric;
}

} // namespace

std::string BackendAddress::text() const {
    if (is_unix()) return "unix:" + socket_path;
    return is_name() ? host + ":" + std::to_string(port) : ip.text();
}

std::string BackendAddress::default_name() const {
    return is_unix() ? socket_path.substr(socket_path.rfind('/') + 1) : text();
}

Result<BackendAddress> BackendAddress::parse(std::string_view text) {
    BackendAddress address;
    if (text.starts_with("unix:")) {
        auto path = parse_socket_path(text);
        if (!path) return path.error();
        address.socket_path = *std::move(path);
        return address;
    }
    if (has_password(text)) return Error(no_user_info);
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return Error("an address is IP:port or name:port, such as \"10.0.0.11:8080\" or \"app.internal:8080\"; the "
                     "port is missing");
    const auto host = text.substr(0, colon);
    if (!is_host_name(host)) {
        const auto ip = Address::parse(text);
        if (!ip) return ip.error();
        return BackendAddress(*ip);
    }
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return bad_port(text.substr(colon + 1));
    address.host = host;
    for (auto& c : address.host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    address.port = *port;
    return address;
}

Address Address::from(const sockaddr* addr) {
    Address address;
    if (addr->sa_family == AF_INET) {
        const auto* in = reinterpret_cast<const sockaddr_in*>(addr);
        address.family_ = AF_INET;
        address.port_ = ntohs(in->sin_port);
        std::memcpy(address.bytes_.data(), &in->sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        const auto* in = reinterpret_cast<const sockaddr_in6*>(addr);
        address.family_ = AF_INET6;
        address.port_ = ntohs(in->sin6_port);
        std::memcpy(address.bytes_.data(), &in->sin6_addr, 16);
    }
    return address;
}

Address Address::unmapped() const {
    constexpr unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (family_ != AF_INET6 || !std::equal(std::begin(prefix), std::end(prefix), bytes_.begin())) return *this;
    Address address;
    address.family_ = AF_INET;
    address.port_ = port_;
    std::copy(bytes_.begin() + 12, bytes_.end(), address.bytes_.begin());
    return address;
}

bool Address::is_loopback() const {
    if (family_ == AF_INET) return bytes_[0] == 127;
    return family_ == AF_INET6 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) &&
           bytes_[15] == 1;
}

std::string Address::ip_text() const { return format_ip(family_, bytes_); }

std::string Address::text() const {
    const auto port = ":" + std::to_string(port_);
    return family_ == AF_INET6 ? "[" + ip_text() + "]" + port : ip_text() + port;
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
    std::memset(&out, 0, sizeof out);
    if (family_ == AF_INET6) {
        auto* in = reinterpret_cast<sockaddr_in6*>(&out);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port_);
        std::memcpy(&in->sin6_addr, bytes_.data(), 16);
        return sizeof *in;
    }
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port_);
    std::memcpy(&in->sin_addr, bytes_.data(), 4);
    return sizeof *in;
}

Result<Cidr> Cidr::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto ip = parse_ip(text.substr(0, slash));
    if (!ip)
        return Error("\"" + std::string(text) +
                     "\" is not a block of addresses, such as \"10.0.0.0/8\" or \"fd00::/8\"");
    const std::uint16_t most = ip->family == AF_INET ? 32 : 128;
    const auto prefix = slash == std::string_view::npos ? most : parse_number(text.substr(slash + 1), 0, most);
    if (!prefix) return Error("the prefix length is a number from 0 to " + std::to_string(most));
    Cidr block;
    block.family = ip->family;
    block.bytes = ip->bytes;
    block.prefix = *prefix;
    return block;
}

bool Cidr::contains(const Address& address) const {
    static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const unsigned char* other = address.bytes().data();
    int other_family = address.family();
    if (other_family == AF_INET6 && std::memcmp(other, mapped, sizeof mapped) == 0) {
        other += sizeof mapped;
        other_family = AF_INET;
    }
    if (other_family != family) return false;
    const unsigned whole = prefix / 8, rest = prefix % 8;
    if (std::memcmp(bytes.data(), other, whole) != 0) return false;
    if (rest == 0) return true;
    const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
    return (bytes[whole] & mask) == (other[whole] & mask);
}

std::string Cidr::text() const { return format_ip(family, bytes) + "/" + std::to_string(prefix); }

Result<AdminAddress> AdminAddress::parse(std::string_view text) {
    if (text.starts_with("unix:")) {
        auto path = parse_socket_path(text);
        if (!path) return path.error();
        return AdminAddress{*std::move(path)};
    }
    const auto address = Address::parse(text);
    if (!address) return address.error();
    return AdminAddress{*address};
}

std::string AdminAddress::text() const {
    if (const auto* path = std::get_if<std::string>(&where)) return "unix:" + *path;
    return std::get<Address>(where).text();
}

} // namespace weir::conf
