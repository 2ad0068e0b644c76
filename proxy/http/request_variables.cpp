#include "proxy/http/request_variables.h"

namespace weir::proxy::http {

RequestVariables variables_of(const Client& client, const IncomingRequest& incoming, const log::AccessRecord& record) {
    const auto* identity = client.identity.get();
    const auto path = incoming.plan.normal_path();
    return {.client_ip = incoming.origin.client_ip(),
            .host = host_of(record.request.host),
            .scheme = client.scheme(),
            .method = record.request.method,
            .path_and_query = path == "*" ? "/" : path,
            .tls_version = record.tls.version,
            .tls_cipher = record.tls.cipher,
            .subject = identity ? std::string_view(identity->subject) : std::string_view(),
            .fingerprint = identity ? std::string_view(identity->fingerprint) : std::string_view(),
            .request_id = record.ids.request,
            .backend = record.path.backend};
}

} // namespace weir::proxy::http
