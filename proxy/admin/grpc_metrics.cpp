#include "proxy/admin/grpc_metrics.h"

#include <map>

namespace weir::proxy::admin {

void write_grpc(Exposition& out, const Snapshot& snapshot) {
    std::map<std::string_view, const GrpcMethodStats*> routes;
    for (const auto& route : snapshot.routes)
        if (route.grpc_methods) routes[route.config.name] = route.grpc_methods.get();
    if (routes.empty()) return;
    out.family("weir_grpc_requests_total", "counter", "gRPC calls of routes with grpc_metrics, by method and status.");
    for (const auto& [route, methods] : routes)
        methods->each(
            [&](const std::string& service, const std::string& method, const GrpcMethodStats::Counts& counts) {
                for (std::size_t i = 0; i < counts.size(); ++i)
                    if (counts[i])
                        out.sample({{"route", std::string(route)},
                                    {"service", service},
                                    {"method", method},
                                    {"grpc_status", std::to_string(i)}},
                                   counts[i]);
            });
}

} // namespace weir::proxy::admin
