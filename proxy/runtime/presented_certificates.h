// The certificates that weir presents to its peers: those of the listeners and of the admin API, and the client
// certificates of the pools.
//
// Thread: pure functions and values.
// Lifetime: the certificates are shared.
#pragma once

#include "conf/read/tls_contexts.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

struct PresentedCertificate {
    std::string owner;     // "listener web", "pool api" or "the admin API"
    std::string cert, key; // paths
    std::shared_ptr<const tls::Certificate> certificate;
};

// Returns the certificates of a configuration, from the contexts that were made for it.
std::vector<PresentedCertificate> presented_certificates(const conf::Config& config, const conf::TlsContexts& contexts);

// Returns the first name of a certificate, or its subject if it has no name.
std::string first_name(const tls::Certificate& certificate);

} // namespace weir::proxy
