#include "conf/read/checks.h"

namespace weir::conf {

void check_tls(const Listener& listener, const std::string& path, Checks& checks) {
    if (!listener.tls) return;
    const auto& tls = *listener.tls;
    if (tls.certificates.empty())
        checks.fail(path + ".tls", "\"certificates\" is missing: write certificates: [{cert: FILE, key: FILE}]");
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        const auto at = path + ".tls.certificates[" + std::to_string(i) + "]";
        if (!tls.certificates[i].cert.starts_with('/')) checks.fail(at + ".cert", "write an absolute path");
        if (!tls.certificates[i].key.starts_with('/')) checks.fail(at + ".key", "write an absolute path");
    }
    if (tls.ciphers.empty()) checks.fail(path + ".tls.ciphers", "write intermediate, modern, or an OpenSSL list");
}

} // namespace weir::conf
