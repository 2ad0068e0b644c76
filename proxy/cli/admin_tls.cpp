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

Result<AdminTls> trust_authorities(const std::string& ca, const Endpoint& endpoint) {
    if (endpoint.scheme() != Endpoint::Scheme::https) return AdminTls();
    return trust(ca.empty() ? tls::TrustedRoots::of_system() : tls::TrustedRoots::load(ca), endpoint.host());
}

Result<AdminTls> trust_certificate(const std::string& cert, const std::string& host) {
    auto roots = tls::TrustedRoots::load(cert, tls::Anchors::all);
    if (!roots) return roots.error();
    const auto names = tls::names_of((*roots)->certificates().front().get());
    auto name = names.empty() ? host : names.front();       // a certificate for IP addresses alone has no names
    if (name.starts_with("*.")) name.replace(0, 1, "weir"); // a wildcard stands for any label
    return trust(std::move(roots), std::move(name));
}

} // namespace weir::proxy::cli
