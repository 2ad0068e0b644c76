#include "proxy/http/forwarded.h"

#include "proxy/http1/chars.h"

#include <cstring>
#include <optional>

#include <arpa/inet.h>

namespace weir::proxy::http {
namespace {

conf::Address make_address(int family, const unsigned char* ip, std::uint16_t port) {
    sockaddr_storage raw{};
    if (family == AF_INET) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(raw);
        std::memcpy(&v4.sin_addr, ip, 4);
        v4.sin_port = htons(port);
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(raw);
        std::memcpy(&v6.sin6_addr, ip, 16);
        v6.sin6_port = htons(port);
    }
    raw.ss_family = static_cast<sa_family_t>(family);
    return conf::Address::from(reinterpret_cast<const sockaddr*>(&raw));
}

conf::Address parse_ip(std::string_view text, std::uint16_t port) {
    char copy[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return {};
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    unsigned char ip[16];
    if (text.find(':') == std::string_view::npos)
        return ::inet_pton(AF_INET, copy, ip) == 1 ? make_address(AF_INET, ip, port) : conf::Address();
    return ::inet_pton(AF_INET6, copy, ip) == 1 ? make_address(AF_INET6, ip, port).unmapped() : conf::Address();
}

// Parses "80". Returns 0 for an obfuscated port ("_x", RFC 7239 section 6.3).
std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.size() > 1 && text[0] == '_') return std::uint16_t{0};
    if (text.empty() || text.size() > 5) return std::nullopt;
    unsigned port = 0;
    for (const char c : text) {
        if (!is_digit(c)) return std::nullopt;
        port = port * 10 + static_cast<unsigned>(c - '0');
    }
    if (port > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

// Parses what follows the bracket of an IPv6 address: ":80", or nothing, which is port 0.
std::optional<std::uint16_t> parse_port_after_bracket(std::string_view text) {
    if (text.empty()) return std::uint16_t{0};
    return text[0] == ':' ? parse_port(text.substr(1)) : std::nullopt;
}

std::string_view take_while(std::string_view& rest, bool (*is)(char)) {
    std::size_t size = 0;
    while (size < rest.size() && is(rest[size])) ++size;
    const auto taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
}

bool take(std::string_view& rest, char c) {
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
}

void skip_blanks(std::string_view& rest) { take_while(rest, is_blank); }

// More than a token allows: some proxies send addresses with a port unquoted, and there is only one way to read them.
bool is_value_char(char c) { return is_token(c) || c == ':' || c == '[' || c == ']'; }

// Takes the value of a parameter, without its quotes. Returns nothing if there is no value or a quote is not closed. A
// value with escapes cannot be an address, so it reads as empty.
std::optional<std::string_view> take_value(std::string_view& rest) {
    if (!take(rest, '"')) {
        const auto value = take_while(rest, is_value_char);
        if (value.empty()) return std::nullopt;
        return value;
    }
    bool escaped = false;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i] == '\\') {
            escaped = true;
            ++i;
        } else if (rest[i] == '"') {
            const auto value = escaped ? std::string_view() : rest.substr(0, i);
            rest.remove_prefix(i + 1);
            return value;
        }
    }
    return std::nullopt;
}

} // namespace

conf::Address parse_node(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return {};
        const auto ip = text.substr(1, end - 1);
        const auto port = parse_port_after_bracket(text.substr(end + 1));
        const bool v6 = ip.find(':') != std::string_view::npos;
        return port && v6 ? parse_ip(ip, *port) : conf::Address();
    }
    const auto colon = text.find(':');
    const bool has_port = colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
    if (!has_port) return parse_ip(text, 0); // no port, or the many colons of IPv6
    const auto port = parse_port(text.substr(colon + 1));
    return port ? parse_ip(text.substr(0, colon), *port) : conf::Address();
}

// Updates the client as if the chain ended here: unset if the entry is not an address; the address itself if it is not
// a trusted proxy's; otherwise the client so far, or the proxy if there is none.
void ClientChain::add(const conf::Address& address) {
    if (!address.is_set()) {
        add_unknown();
        return;
    }
    const bool is_client = !trusted_.contains(address);
    if (is_client) is_known_ = true;
    if (is_client || !client_) client_ = address;
}

void ClientChain::add_forwarded_for(std::string_view value) {
    for_each_element(value, [this](std::string_view element) {
        const bool quoted = element.size() >= 2 && element.front() == '"' && element.back() == '"';
        add(parse_node(quoted ? element.substr(1, element.size() - 2) : element));
    });
}

void ClientChain::add_forwarded(std::string_view rest) {
    for (;;) {
        skip_blanks(rest);
        if (rest.empty()) return;
        if (take(rest, ',')) continue; // an empty element (RFC 9110 section 5.6.1)
        if (!add_element(rest)) {
            add_unknown(); // the end of a malformed element is unknown, and so is the rest
            return;
        }
    }
}

// Reads one element of Forwarded, up to the comma behind it: pairs such as for="[2001:db8::1]:80";proto=https. Returns
// false if it is malformed.
bool ClientChain::add_element(std::string_view& rest) {
    std::string_view node;
    int nodes = 0;
    for (;;) {
        skip_blanks(rest);
        const auto name = take_while(rest, is_token);
        if (name.empty() || !take(rest, '=')) return false;
        const auto value = take_value(rest);
        if (!value) return false;
        if (same_word(name, "for")) ++nodes, node = *value;
        skip_blanks(rest);
        if (rest.empty() || rest[0] == ',') break;
        if (!take(rest, ';')) return false;
    }
    add(nodes == 1 ? parse_node(node) : conf::Address());
    return true;
}

ClientChain read_client_chain(const RequestHead& head, const conf::AddressBlocks& trusted) {
    ClientChain chain(trusted);
    bool told = false;
    for (const auto& field : head.fields) {
        if (field.id != FieldId::x_forwarded_for || field.value.empty()) continue;
        told = true;
        chain.add_forwarded_for(field.value);
    }
    if (told) return chain;
    for (const auto& field : head.fields)
        if (field.id == FieldId::forwarded) chain.add_forwarded(field.value);
    return chain;
}

std::optional<conf::Address> find_client(const RequestHead& head, const conf::AddressBlocks& trusted) {
    return read_client_chain(head, trusted).client();
}

} // namespace weir::proxy::http
