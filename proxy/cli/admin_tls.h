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
    std::string host; // the name or IP address that the server's certificate must be valid for
};

// Trusts the authorities in a PEM file, or those of the system if `ca` is empty.
Result<AdminTls> trust_authorities(const std::string& ca, const std::string& host);

// Trusts the certificates in the file of admin.tls.cert, and those that one of them has issued for the name of the
// first one (for `host` if it has no name). The certificate in force is therefore trusted even if the file already
// holds its successor.
Result<AdminTls> trust_certificate(const std::string& cert, const std::string& host);

} // namespace weir::proxy::cli
