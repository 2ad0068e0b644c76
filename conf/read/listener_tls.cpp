#include "conf/read/listener_tls.h"

#include <utility>

namespace weir::conf {
namespace {

using Certificates = std::vector<std::shared_ptr<const tls::Certificate>>;

Certificates read_certificates(const ListenerTls& tls, const std::string& path,
                               std::chrono::system_clock::time_point now, std::vector<Problem>& problems) {
    Certificates certificates;
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        const auto& files = tls.certificates[i];
        auto loaded = tls::Certificate::load(files.cert, files.key, now);
        if (loaded.certificate) {
            certificates.push_back(std::move(loaded.certificate));
            continue;
        }
        const auto* key = loaded.problem.file == tls::CertificateProblem::File::cert ? ".cert" : ".key";
        problems.push_back({path + ".certificates[" + std::to_string(i) + "]" + key, loaded.problem.reason});
    }
    return certificates;
}

tls::ServerOptions options_of(const Listener& listener, Certificates certificates) {
    const auto& tls = *listener.tls;
    const bool modern = tls.ciphers == "modern" || tls.min_version == TlsVersion::tls1_3;
    return {.certificates = std::move(certificates),
            .min_version = modern ? tls::MinVersion::tls1_3 : tls::MinVersion::tls1_2,
            .ciphers = tls.ciphers == "intermediate" || tls.ciphers == "modern" ? "" : tls.ciphers,
            .alpn =
                listener.protocol == Protocol::http ? std::vector<std::string>{"http/1.1"} : std::vector<std::string>{},
            .id = "listener " + listener.name,
            .tickets = nullptr};
}

} // namespace

TlsContexts make_tls_contexts(const Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                              std::chrono::system_clock::time_point now, std::vector<Problem>& problems) {
    TlsContexts contexts;
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        const auto path = "listeners." + listener.name + ".tls";
        auto certificates = read_certificates(*listener.tls, path, now, problems);
        if (certificates.size() != listener.tls->certificates.size()) continue;
        auto options = options_of(listener, std::move(certificates));
        options.tickets = tickets;
        auto context = tls::ServerContext::make(std::move(options));
        if (context) contexts[listener.name] = *std::move(context);
        else problems.push_back({path, context.error().message()});
    }
    return contexts;
}

} // namespace weir::conf
