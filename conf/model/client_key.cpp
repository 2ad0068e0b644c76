#include "conf/model/client_key.h"

namespace weir::conf {
namespace {

using Kind = ClientKey::Kind;

constexpr std::string_view header = "header:", cookie = "cookie:";

} // namespace

Result<ClientKey> parse_client_key(std::string_view text) {
    if (text == "request") return ClientKey{Kind::request, ""};
    if (text == "client_ip") return ClientKey{Kind::client_ip, ""};
    if (text.starts_with(header) && text != header)
        return ClientKey{Kind::header, std::string(text.substr(header.size()))};
    if (text.starts_with(cookie) && text != cookie)
        return ClientKey{Kind::cookie, std::string(text.substr(cookie.size()))};
    return Error("\"" + std::string(text.substr(0, 40)) +
                 "\" is not a client key: write client_ip, header:NAME or cookie:NAME");
}

std::string format(const ClientKey& key) {
    switch (key.kind) {
    case Kind::request: return "request";
    case Kind::client_ip: return "client_ip";
    case Kind::header: return std::string(header) + key.name;
    case Kind::cookie: break;
    }
    return std::string(cookie) + key.name;
}

} // namespace weir::conf
