#include "proxy/runtime/presented_certificates.h"

namespace weir::proxy {

std::vector<PresentedCertificate> presented_certificates(const conf::Config& config,
                                                         const conf::TlsContexts& contexts) {
    std::vector<PresentedCertificate> all;
    for (const auto& listener : config.listeners) {
        const auto context = contexts.listeners.find(listener.name);
        if (context == contexts.listeners.end()) continue;
        const auto& certificates = context->second->certificates();
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            const auto& [cert, key, ocsp] = listener.tls->certificates[i];
            all.push_back({"listener " + listener.name, cert, key, certificates[i]});
        }
    }
    for (const auto& pool : config.pools) {
        const auto context = contexts.pools.find(pool.name);
        if (context == contexts.pools.end() || !context->second->certificate()) continue;
        all.push_back({"pool " + pool.name, pool.tls->cert, pool.tls->key, context->second->certificate()});
    }
    if (contexts.admin)
        all.push_back(
            {"the admin API", config.admin.tls->cert, config.admin.tls->key, contexts.admin->certificates().front()});
    return all;
}

std::string first_name(const tls::Certificate& certificate) {
    const auto& names = certificate.facts().names;
    return names.empty() ? certificate.facts().subject : names[0];
}

} // namespace weir::proxy
