// How commands verify an admin API that is served over TLS.
//
// Thread: any; blocks on the disk.
// Lifetime: shares the context.
#pragma once

#include "base/result.h"
#include "tls/client_context.h"

#include <memory>
#include <string>

namespace weir::proxy::cli {

struct AdminTls {
    std::shared_ptr<const tls::ClientContext> context; // null: plain
    std::string host; // the name or IP address that the server's certificate must be valid for; empty: any
};

// Trusts the authorities in a PEM file, or those of the system if `ca` is empty.
Result<AdminTls> trust_authorities(const std::string& ca, const std::string& host);

// Trusts the certificates in the file that a configuration names for its admin API: the server's own one and those of
// its issuers, for any name. So the certificate in force is also trusted while the file already holds its successor.
// The address is one of this machine's own, where nobody else can listen in weir's place.
Result<AdminTls> trust_certificate(const std::string& cert);

} // namespace weir::proxy::cli
