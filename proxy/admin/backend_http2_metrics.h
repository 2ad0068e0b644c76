// Writes the metrics of HTTP/2 connections to backends.
//
// Thread: any; it only reads counters.
// Lifetime: keeps nothing.
#pragma once

#include "balancer/backend.h"
#include "proxy/admin/exposition.h"
#include "proxy/snapshot/snapshot.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir::proxy::admin {

// What all workers have counted for one backend.
struct BackendHttp2Totals {
    std::uint64_t connections = 0, active_connections = 0, streams = 0, active_streams = 0;
};

BackendHttp2Totals http2_totals(const balancer::Backend& backend);

// Writes samples for the backends of pools that speak HTTP/2, or did before a reload.
void write_backend_http2(Exposition& out, const std::vector<std::shared_ptr<const PoolSpec>>& pools);

} // namespace weir::proxy::admin
