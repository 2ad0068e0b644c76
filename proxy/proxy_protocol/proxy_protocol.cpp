#include "proxy/proxy_protocol/proxy_protocol.h"

#include <boost/crc.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include <arpa/inet.h>

namespace weir::proxy::tcp {
namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12); // of version 2
constexpr std::string_view first_word = "PROXY ";                 // of version 1
constexpr std::size_t longest_line = 107, fixed_part = 16;
constexpr std::uint8_t tlv_crc32c = 3;

// Version 2's byte for family and transport.
constexpr std::uint8_t unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31;

ProxyHeader refused(const char* reason) {
    ProxyHeader header;
    header.status = ProxyHeaderStatus::refused;
    header.reason = reason;
    return header;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

conf::Address make_address(int family, const void* ip, std::uint16_t port) {
    sockaddr_storage raw{};
    if (family == AF_INET) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(raw);
        std::memcpy(&v4.sin_addr, ip, sizeof v4.sin_addr);
        v4.sin_port = htons(port);
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(raw);
        std::memcpy(&v6.sin6_addr, ip, sizeof v6.sin6_addr);
        v6.sin6_port = htons(port);
    }
    raw.ss_family = static_cast<sa_family_t>(family);
    return conf::Address::from(reinterpret_cast<const sockaddr*>(&raw));
}

conf::Address map_to_ipv6(const conf::Address& address) {
    if (address.family() != AF_INET) return address;
    unsigned char ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(ip + 12, address.bytes().data(), 4);
    return make_address(AF_INET6, ip, address.port());
}

// Takes the text up to the next space or the end, and the space.
std::string_view next_word(std::string_view& line) {
    const auto end = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

// Parses "0" to "65535", without leading zeros.
std::optional<std::uint16_t> read_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
    unsigned port = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        port = port * 10 + static_cast<unsigned>(c - '0');
    }
    if (port > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

bool read_ip(int family, std::string_view text, unsigned char* ip) {
    return ::inet_pton(family, std::string(text).c_str(), ip) == 1;
}

ProxyHeader read_line(std::string_view line) {
    ProxyHeader header;
    header.status = ProxyHeaderStatus::complete;
    header.length = line.size() + 2;
    line.remove_prefix(first_word.size());
    const auto kind = next_word(line);
    if (kind == "UNKNOWN") return header;
    if (kind != "TCP4" && kind != "TCP6") return refused("neither TCP4 nor TCP6 nor UNKNOWN");
    const int family = kind == "TCP4" ? AF_INET : AF_INET6;
    const auto source = next_word(line), destination = next_word(line);
    const auto source_port = read_port(next_word(line)), destination_port = read_port(line);
    unsigned char from[16], to[16];
    if (!read_ip(family, source, from) || !read_ip(family, destination, to)) return refused("an illegal address");
    if (!source_port || !destination_port) return refused("an illegal port");
    header.origin = ProxyOrigin::client;
    header.source = make_address(family, from, *source_port);
    header.destination = make_address(family, to, *destination_port);
    return header;
}

ProxyHeader parse_v1(std::string_view bytes) {
    const auto end = bytes.substr(0, longest_line - 1).find('\r');
    const auto line = bytes.substr(0, std::min(end, longest_line - 1));
    const auto legal = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
    if (!std::all_of(line.begin(), line.end(), legal)) return refused("an illegal byte");
    if (end == std::string_view::npos)
        return bytes.size() >= longest_line - 1 ? refused("the line is too long") : ProxyHeader{};
    if (bytes.size() == end + 1) return {};
    return bytes[end + 1] == '\n' ? read_line(line) : refused("the line does not end in CRLF");
}

// Checks the type-length-value fields behind the addresses: each must be complete, and a checksum must be correct.
const char* check_extras(std::string_view header, std::size_t at) {
    while (at < header.size()) {
        if (header.size() - at < 3) return "a field is truncated";
        const std::size_t length = number_at(header, at + 1);
        if (header.size() - at - 3 < length) return "a field is longer than the header";
        if (byte_at(header, at) == tlv_crc32c) {
            if (length != 4) return "an illegal checksum";
            std::string blank(header);
            blank.replace(at + 3, 4, 4, '\0');
            boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum;
            sum.process_bytes(blank.data(), blank.size());
            const auto expected = std::uint32_t{number_at(header, at + 3)} << 16 | number_at(header, at + 5);
            if (sum.checksum() != expected) return "the checksum is wrong";
        }
        at += 3 + length;
    }
    return nullptr;
}

ProxyHeader parse_v2(std::string_view bytes) {
    if (bytes.size() < fixed_part) return {};
    const auto command = byte_at(bytes, 12), family = byte_at(bytes, 13);
    const std::size_t length = fixed_part + number_at(bytes, 14);
    if (command != 0x20 && command != 0x21) return refused("an unknown version or command");
    if (length > longest_proxy_header) return refused("the header is too long");
    const bool local = command == 0x20; // the rest of such a header is ignored
    const std::size_t addresses = family == tcp4 ? 12 : family == tcp6 ? 36 : family == unix_stream ? 216 : 0;
    if (!local && addresses == 0 && family != unspecified) return refused("an address family that is not for streams");
    if (!local && length < fixed_part + addresses) return refused("too short for its addresses");
    if (bytes.size() < length) return {};
    ProxyHeader header;
    header.status = ProxyHeaderStatus::complete;
    header.length = length;
    if (local) header.origin = ProxyOrigin::proxy;
    if (local) return header;
    if (family != unspecified)
        if (const auto* reason = check_extras(bytes.substr(0, length), fixed_part + addresses)) return refused(reason);
    if (family != tcp4 && family != tcp6) return header;
    const std::size_t ip = family == tcp4 ? 4 : 16;
    const auto* data = bytes.data() + fixed_part;
    header.origin = ProxyOrigin::client;
    header.source = make_address(family == tcp4 ? AF_INET : AF_INET6, data, number_at(bytes, fixed_part + 2 * ip));
    header.destination =
        make_address(family == tcp4 ? AF_INET : AF_INET6, data + ip, number_at(bytes, fixed_part + 2 * ip + 2));
    return header;
}

bool begins_like(std::string_view bytes, std::string_view mark) {
    const auto common = std::min(bytes.size(), mark.size());
    return bytes.substr(0, common) == mark.substr(0, common);
}

std::size_t write_v2(char* out, bool known, const conf::Address& source, const conf::Address& destination) {
    const std::size_t ip = !known ? 0 : source.family() == AF_INET ? 4 : 16;
    std::memcpy(out, signature.data(), signature.size());
    out[12] = 0x21;
    out[13] = static_cast<char>(!known ? unspecified : ip == 4 ? tcp4 : tcp6);
    out[14] = 0;
    out[15] = static_cast<char>(known ? 2 * ip + 4 : 0);
    if (!known) return fixed_part;
    char* at = out + fixed_part;
    std::memcpy(at, source.bytes().data(), ip);
    std::memcpy(at + ip, destination.bytes().data(), ip);
    const std::uint16_t ports[]{htons(source.port()), htons(destination.port())};
    std::memcpy(at + 2 * ip, ports, sizeof ports);
    return fixed_part + 2 * ip + sizeof ports;
}

} // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
    if (begins_like(bytes, signature)) return bytes.size() < signature.size() ? ProxyHeader{} : parse_v2(bytes);
    if (begins_like(bytes, first_word)) return bytes.size() < first_word.size() ? ProxyHeader{} : parse_v1(bytes);
    return refused("no PROXY header");
}

std::size_t write_proxy_header(char* out, conf::ProxyProtocol version, const conf::Address& from,
                               const conf::Address& to) {
    const bool known = from.is_set() && to.is_set(), mixed = known && from.family() != to.family();
    const auto source = mixed ? map_to_ipv6(from) : from, destination = mixed ? map_to_ipv6(to) : to;
    if (version == conf::ProxyProtocol::v2) return write_v2(out, known, source, destination);
    const auto length =
        known ? std::snprintf(out, longest_written_proxy_header, "PROXY TCP%c %s %s %u %u\r\n",
                              source.family() == AF_INET ? '4' : '6', source.ip_text().c_str(),
                              destination.ip_text().c_str(), unsigned{source.port()}, unsigned{destination.port()})
              : std::snprintf(out, longest_written_proxy_header, "PROXY UNKNOWN\r\n");
    return static_cast<std::size_t>(length);
}

} // namespace weir::proxy::tcp
