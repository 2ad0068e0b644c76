// Writes the metrics of HTTP versions: requests by version, and the connections and streams of HTTP/2.
//
// Thread: any; it only reads counters.
// Lifetime: keeps nothing.
#pragma once

#include "proxy/admin/exposition.h"
#include "proxy/snapshot/snapshot.h"

#include <memory>
#include <vector>

namespace weir::proxy::admin {

// What all workers have counted for one listener.
struct Http2Totals {
    std::uint64_t connections = 0, active_connections = 0, streams = 0, active_streams = 0;
};

Http2Totals http2_totals(const ListenerStats& stats);

// Writes samples for the HTTP listeners; those of HTTP/2 for listeners that speak it, or did before a reload.
void write_http_versions(Exposition& out, const std::vector<std::shared_ptr<const ListenerSpec>>& listeners);

} // namespace weir::proxy::admin
