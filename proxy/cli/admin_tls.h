// How commands verify an admin API that is served over TLS.
//
// Thread: any; blocks on the disk.
// Lifetime: shares the context.
#pragma once

#include "base/result.h"
#include "proxy/cli/endpoint.h"
#include "tls/client_context.h"

#include <memory>
#include <string>

namespace weir::proxy::cli {

struct AdminTls {
    std::shared_ptr<const tls::ClientContext> context; // null: plain
    std::string host; // the name or IP address that the server's certificate must be valid for
};

// Trusts the authorities in a PEM file, or those of the system if `ca` is empty. If `endpoint` does not use https,
// reads no file and returns an AdminTls without a context.
Result<AdminTls> trust_authorities(const std::string& ca, const Endpoint& endpoint);

// Trusts the certificates in the file of admin.tls.cert, and every certificate for the name of the first one (for
// `host` if it has no name) that one of them has signed. A process that still serves the previous certificate is
// therefore usually trusted, too, because both certificates have the same issuer.
Result<AdminTls> trust_certificate(const std::string& cert, const std::string& host);

} // namespace weir::proxy::cli
