#include "proxy/http/client_key.h"

#include "proxy/http/affinity.h"
#include "proxy/http1/chars.h"

namespace weir::proxy::http {

std::string_view find_client_key(const conf::ClientKey& key, const RoutedRequest& request) {
    if (key.kind == conf::ClientKey::Kind::cookie) return find_only_cookie(request.head, key.name);
    if (key.kind != conf::ClientKey::Kind::header) return {};
    if (request.trust == Trust::untrusted && is_forwarding_field(identify_alias(key.name))) return {};
    return request.head.find_only(key.name); // one of several could be anything, only to be another client each time
}

} // namespace weir::proxy::http
