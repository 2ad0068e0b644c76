#include "conf/read/tls_contexts.h"

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

// Reads the OCSP responses. Returns false after a problem.
bool read_staples(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                  std::vector<Problem>& problems) {
    const auto before = problems.size();
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        options.staples.emplace_back();
        if (tls.certificates[i].ocsp.empty()) continue;
        auto staple = tls::OcspStaple::load(tls.certificates[i].ocsp, *options.certificates[i]);
        if (staple) options.staples.back() = *std::move(staple);
        else problems.push_back({path + ".certificates[" + std::to_string(i) + "].ocsp", staple.error().message()});
    }
    return problems.size() == before;
}

// Sets the keys of session tickets. Returns false after a problem.
bool read_ticket_keys(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                      std::vector<Problem>& problems) {
    if (tls.session_ticket_keys.empty()) return true;
    auto keys = tls::TicketKeys::load(tls.session_ticket_keys);
    if (!keys) {
        problems.push_back({path + ".session_ticket_keys", keys.error().message()});
        return false;
    }
    options.tickets = *std::move(keys);
    return true;
}

// Sets the rules for client certificates. Returns false after a problem.
bool read_client_policy(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                        std::vector<Problem>& problems) {
    if (tls.client_ca.empty()) return true;
    auto roots = tls::TrustedRoots::load(tls.client_ca);
    if (!roots) {
        problems.push_back({path + ".client_ca", roots.error().message()});
        return false;
    }
    options.client_roots = *std::move(roots);
    const bool required = tls.client_auth != ClientAuth::request;
    options.client_auth = required ? tls::ClientAuth::require : tls::ClientAuth::request;
    return true;
}

std::shared_ptr<const tls::ServerContext> make_server_context(const Listener& listener,
                                                              const std::shared_ptr<tls::TicketKeys>& tickets,
                                                              std::chrono::system_clock::time_point now,
                                                              std::vector<Problem>& problems) {
    const auto path = "listeners." + listener.name + ".tls";
    auto certificates = read_certificates(*listener.tls, path, now, problems);
    if (certificates.size() != listener.tls->certificates.size()) return nullptr;
    auto options = options_of(listener, std::move(certificates));
    options.tickets = tickets;
    const bool read = read_staples(*listener.tls, path, options, problems) &&
                      read_ticket_keys(*listener.tls, path, options, problems) &&
                      read_client_policy(*listener.tls, path, options, problems);
    if (!read) return nullptr;
    auto context = tls::ServerContext::make(std::move(options));
    if (context) return *std::move(context);
    problems.push_back({path, context.error().message()});
    return nullptr;
}

// Reads the certificate that weir presents to the backends of a pool. Null without one, or after a problem.
std::shared_ptr<const tls::Certificate> read_client_certificate(const BackendTls& tls, const std::string& path,
                                                                std::chrono::system_clock::time_point now,
                                                                std::vector<Problem>& problems) {
    if (tls.cert.empty()) return nullptr;
    auto loaded = tls::Certificate::load(tls.cert, tls.key, now);
    if (loaded.certificate) return loaded.certificate;
    const bool of_cert = loaded.problem.file == tls::CertificateProblem::File::cert;
    problems.push_back({path + (of_cert ? ".cert" : ".key"), loaded.problem.reason});
    return nullptr;
}

std::shared_ptr<const tls::TrustedRoots> read_roots(const BackendTls& tls, const std::string& path,
                                                    std::vector<Problem>& problems) {
    if (!tls.verify) return nullptr;
    if (tls.ca.empty()) return tls::TrustedRoots::of_system();
    auto roots = tls::TrustedRoots::load(tls.ca);
    if (roots) return *std::move(roots);
    problems.push_back({path + ".ca", roots.error().message()});
    return nullptr;
}

std::shared_ptr<const tls::ClientContext>
make_client_context(const Pool& pool, std::chrono::system_clock::time_point now, std::vector<Problem>& problems) {
    const auto path = "pools." + pool.name + ".tls";
    const auto before = problems.size();
    tls::ClientOptions options{.verification = pool.tls->verify ? tls::Verification::required : tls::Verification::none,
                               .roots = read_roots(*pool.tls, path, problems),
                               .certificate = read_client_certificate(*pool.tls, path, now, problems),
                               .server_name = pool.tls->server_name};
    if (problems.size() > before) return nullptr;
    auto context = tls::ClientContext::make(std::move(options));
    if (context) return *std::move(context);
    problems.push_back({path, context.error().message()});
    return nullptr;
}

} // namespace

TlsContexts make_tls_contexts(const Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                              std::chrono::system_clock::time_point now, const TlsContexts& known,
                              std::vector<Problem>& problems) {
    TlsContexts contexts;
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        if (auto context = make_server_context(listener, tickets, now, problems))
            contexts.listeners[listener.name] = std::move(context);
    }
    for (const auto& pool : config.pools) {
        if (!pool.tls) continue;
        auto context = make_client_context(pool, now, problems);
        if (!context) continue;
        const auto before = known.pools.find(pool.name);
        const bool same = before != known.pools.end() && before->second->id() == context->id();
        contexts.pools[pool.name] = same ? before->second : context;
    }
    return contexts;
}

std::vector<std::string> tls_files(const Config& config) {
    std::vector<std::string> files;
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        const auto& tls = *listener.tls;
        for (const auto& pair : tls.certificates) files.insert(files.end(), {pair.cert, pair.key, pair.ocsp});
        files.insert(files.end(), {tls.client_ca, tls.session_ticket_keys});
    }
    for (const auto& pool : config.pools)
        if (pool.tls) files.insert(files.end(), {pool.tls->ca, pool.tls->cert, pool.tls->key});
    std::erase(files, "");
    return files;
}

} // namespace weir::conf
