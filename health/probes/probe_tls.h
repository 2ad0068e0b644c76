// How a probe speaks TLS to a backend.
//
// Thread: values.
// Lifetime: shares the context with the pool.
#pragma once

#include "tls/client_context.h"

#include <memory>
#include <string>

namespace weir::health {

struct ProbeTls {
    std::shared_ptr<const tls::ClientContext> context; // null: plain
    std::string host;                                  // the backend's own name or IP address
    bool operator==(const ProbeTls&) const = default;
};

} // namespace weir::health
