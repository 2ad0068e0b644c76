// Whether a peer is one of the trusted proxies, and which fields only those may send.
//
// Thread: pure function.
// Lifetime: values.
#pragma once

#include "proxy/http1/fields.h"

namespace weir::proxy::http {

enum class Trust { untrusted, trusted };

// Returns true for fields that say where a request came from and that weir writes itself.
constexpr bool is_own_forwarding_field(FieldId id) {
    return id == FieldId::x_forwarded_for || id == FieldId::x_forwarded_proto || id == FieldId::x_forwarded_host ||
           id == FieldId::x_real_ip;
}

// Returns true for fields that say where a request came from: weir believes them only if a trusted proxy sends them.
constexpr bool is_forwarding_field(FieldId id) {
    return is_own_forwarding_field(id) || id == FieldId::x_forwarded_other || id == FieldId::forwarded;
}

} // namespace weir::proxy::http
