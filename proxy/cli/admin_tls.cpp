#include "proxy/cli/admin_tls.h"

#include <utility>

namespace weir::proxy::cli {
namespace {

Result<AdminTls> trust(Result<std::shared_ptr<const tls::TrustedRoots>> roots, std::string host) {
    if (!roots) return roots.error();
    tls::ClientOptions options;
    options.roots = *std::move(roots);
    auto context = tls::ClientContext::make(std::move(options));
    if (!context) return context.error();
    return AdminTls{*std::move(context), std::move(host)};
}

} // namespace

Result<AdminTls> trust_authorities(const std::string& ca, const std::string& host) {
    return trust(ca.empty() ? tls::TrustedRoots::of_system() : tls::TrustedRoots::load(ca), host);
}

Result<AdminTls> trust_certificate(const std::string& cert) {
    return trust(tls::TrustedRoots::load(cert, tls::Anchors::all), "");
}

} // namespace weir::proxy::cli
