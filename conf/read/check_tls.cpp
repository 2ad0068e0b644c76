#include "conf/read/checks.h"

namespace weir::conf {
namespace {

void check_path(const std::string& at, const std::string& path, Checks& checks) {
    if (!path.starts_with('/')) checks.fail(at, "write an absolute path");
}

// Checks the path of a file that may be left out.
void check_optional_path(const std::string& at, const std::string& path, Checks& checks) {
    if (!path.empty()) check_path(at, path, checks);
}

} // namespace

void check_tls(const Listener& listener, const std::string& path, Checks& checks) {
    if (listener.redirect_https && listener.protocol == Protocol::tcp)
        checks.fail(path + ".redirect_https", "has no effect with protocol: tcp");
    else if (listener.redirect_https && listener.tls)
        checks.fail(path + ".redirect_https", "has no effect with tls: the requests come over https already");
    if (listener.http2 && listener.protocol == Protocol::tcp)
        checks.fail(path + ".http2", "has no effect with protocol: tcp");
    if (!listener.tls) return;
    const auto& tls = *listener.tls;
    if (tls.certificates.empty())
        checks.fail(path + ".tls", "\"certificates\" is missing: write certificates: [{cert: FILE, key: FILE}]");
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        const auto at = path + ".tls.certificates[" + std::to_string(i) + "]";
        check_path(at + ".cert", tls.certificates[i].cert, checks);
        check_path(at + ".key", tls.certificates[i].key, checks);
        check_optional_path(at + ".ocsp", tls.certificates[i].ocsp, checks);
    }
    check_optional_path(path + ".tls.client_ca", tls.client_ca, checks);
    if (tls.client_ca.empty() && tls.client_auth)
        checks.fail(path + ".tls", "\"client_ca\" is missing: client_auth needs a PEM file with the authorities that "
                                   "issue client certificates");
    check_optional_path(path + ".tls.session_ticket_keys", tls.session_ticket_keys, checks);
    if (tls.ciphers.empty())
        checks.fail(path + ".tls.ciphers", "write intermediate, modern, or an OpenSSL cipher list");
}

void check_tls(const Pool& pool, const std::string& path, Checks& checks) {
    if (!pool.tls) return;
    const auto& tls = *pool.tls;
    const auto at = path + ".tls";
    check_optional_path(at + ".ca", tls.ca, checks);
    check_optional_path(at + ".cert", tls.cert, checks);
    check_optional_path(at + ".key", tls.key, checks);
    if (!tls.cert.empty() && tls.key.empty()) checks.fail(at, "\"key\" is missing: the private key of \"cert\"");
    if (!tls.key.empty() && tls.cert.empty()) checks.fail(at, "\"cert\" is missing: the certificate of \"key\"");
    if (!tls.verify && !tls.ca.empty()) checks.fail(at + ".ca", "has no effect with verify: false");
    const bool is_ip = Address::parse(tls.server_name + ":1") || Address::parse("[" + tls.server_name + "]:1");
    if (tls.server_name.starts_with("*.")) checks.fail(at + ".server_name", "write a name without a wildcard");
    else if (!tls.server_name.empty() && !is_ip) checks.dns_name(at + ".server_name", tls.server_name);
    for (const auto& backend : pool.backends)
        if (backend.address.is_unix() && tls.verify && tls.server_name.empty())
            checks.fail(at, "\"server_name\" is missing: backend " + backend.name +
                                " is a unix socket, which has no name to verify");
}

void check_tls(const Admin& admin, const std::string& path, Checks& checks) {
    if (!admin.tls) return;
    check_path(path + ".tls.cert", admin.tls->cert, checks);
    check_path(path + ".tls.key", admin.tls->key, checks);
    if (admin.address && admin.address->is_unix())
        checks.fail(path + ".tls", "is not supported on a unix socket: remove tls, or set admin.address to IP:port");
}

} // namespace weir::conf
