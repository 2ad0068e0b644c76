#include "proxy/http/client_key.h"

#include "proxy/http/affinity.h"
#include "proxy/http1/chars.h"

namespace weir::proxy::http {

std::string_view find_client_key(const conf::ClientKey& key, const RoutedRequest& request) {
    if (key.kind == conf::ClientKey::Kind::cookie) return find_cookie(request.head, key.name).value_or("");
    if (key.kind != conf::ClientKey::Kind::header) return {};
    if (request.trust == Trust::untrusted && is_forwarding_field(identify_alias(key.name))) return {};
    std::string_view found;
    for (const auto& field : request.head.fields) {
        if (!same_name(field.name, key.name)) continue;
        if (!found.empty()) return {}; // otherwise one of them could be anything, only to be another client each time
        found = field.value;
    }
    return found;
}

} // namespace weir::proxy::http
