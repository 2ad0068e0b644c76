#include "conf/read/tls_contexts.h"

#include "base/durable_file.h"
#include "conf/base/hash.h"
#include "tls/pem.h"

#include <utility>

namespace weir::conf {
namespace {

using Certificates = std::vector<std::shared_ptr<const tls::Certificate>>;

// Returns what was read or made. After a failure, adds a problem at `path` and returns null.
template <class T>
std::shared_ptr<T> take_or_report(Result<std::shared_ptr<T>> made, const std::string& path,
                                  std::vector<Problem>& problems) {
    if (made) return *std::move(made);
    problems.push_back({path, made.error().message()});
    return nullptr;
}

// Reads a pair of files that are named by the keys `cert` and `key` at `path`. Returns null after a problem.
std::shared_ptr<const tls::Certificate> read_pair(const std::string& cert, const std::string& key,
                                                  const std::string& path, std::chrono::system_clock::time_point now,
                                                  std::vector<Problem>& problems) {
    auto loaded = tls::Certificate::load(cert, key, now);
    if (loaded.certificate) return loaded.certificate;
    const bool of_cert = loaded.problem.file == tls::CertificateProblem::File::cert;
    problems.push_back({path + (of_cert ? ".cert" : ".key"), loaded.problem.reason});
    return nullptr;
}

Certificates read_certificates(const ListenerTls& tls, const std::string& path,
                               std::chrono::system_clock::time_point now, std::vector<Problem>& problems) {
    Certificates certificates;
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        const auto& [cert, key, ocsp] = tls.certificates[i];
        auto certificate = read_pair(cert, key, path + ".certificates[" + std::to_string(i) + "]", now, problems);
        if (certificate) certificates.push_back(std::move(certificate));
    }
    return certificates;
}

// Returns the protocols to offer by ALPN, in order of preference.
std::vector<std::string> protocols_of(const Listener& listener) {
    if (listener.protocol != Protocol::http) return {};
    if (listener.speaks_http2()) return {"h2", "http/1.1"};
    return {"http/1.1"};
}

tls::ServerOptions options_of(const Listener& listener, Certificates certificates) {
    const auto& tls = *listener.tls;
    const bool modern = tls.ciphers == "modern" || tls.min_version == TlsVersion::tls1_3;
    return {.certificates = std::move(certificates),
            .min_version = modern ? tls::MinVersion::tls1_3 : tls::MinVersion::tls1_2,
            .ciphers = tls.ciphers == "intermediate" || tls.ciphers == "modern" ? "" : tls.ciphers,
            .alpn = protocols_of(listener),
            .id = "listener " + listener.name,
            .tickets = nullptr};
}

// Reads the OCSP responses. Returns false after a problem.
bool read_staples(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                  std::vector<Problem>& problems) {
    const auto before = problems.size();
    for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
        options.staples.emplace_back();
        const auto& ocsp = tls.certificates[i].ocsp;
        if (ocsp.empty()) continue;
        options.staples.back() = take_or_report(tls::OcspStaple::load(ocsp, *options.certificates[i]),
                                                path + ".certificates[" + std::to_string(i) + "].ocsp", problems);
    }
    return problems.size() == before;
}

// Sets the keys of session tickets. Returns false after a problem.
bool read_ticket_keys(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                      std::vector<Problem>& problems) {
    if (tls.session_ticket_keys.empty()) return true;
    options.tickets =
        take_or_report(tls::TicketKeys::load(tls.session_ticket_keys), path + ".session_ticket_keys", problems);
    return options.tickets != nullptr;
}

// Sets the rules for client certificates. Returns false after a problem.
bool read_client_policy(const ListenerTls& tls, const std::string& path, tls::ServerOptions& options,
                        std::vector<Problem>& problems) {
    if (tls.client_ca.empty()) return true;
    options.client_roots = take_or_report(tls::TrustedRoots::load(tls.client_ca), path + ".client_ca", problems);
    const bool required = tls.client_auth != ClientAuth::request;
    options.client_auth = required ? tls::ClientAuth::require : tls::ClientAuth::request;
    return options.client_roots != nullptr;
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
    return read ? take_or_report(tls::ServerContext::make(std::move(options)), path, problems) : nullptr;
}

std::shared_ptr<const tls::TrustedRoots> read_roots(const BackendTls& tls, const std::string& path,
                                                    std::vector<Problem>& problems) {
    if (!tls.verify) return nullptr;
    if (tls.ca.empty()) return tls::TrustedRoots::of_system();
    return take_or_report(tls::TrustedRoots::load(tls.ca), path + ".ca", problems);
}

std::shared_ptr<const tls::ClientContext>
make_client_context(const Pool& pool, std::chrono::system_clock::time_point now, std::vector<Problem>& problems) {
    const auto& tls = *pool.tls;
    const auto path = "pools." + pool.name + ".tls";
    const auto before = problems.size();
    tls::ClientOptions options{.verification = tls.verify ? tls::Verification::required : tls::Verification::none,
                               .roots = read_roots(tls, path, problems),
                               .certificate = nullptr,
                               .server_name = tls.server_name};
    if (!tls.cert.empty()) options.certificate = read_pair(tls.cert, tls.key, path, now, problems);
    if (problems.size() > before) return nullptr;
    return take_or_report(tls::ClientContext::make(std::move(options)), path, problems);
}

std::shared_ptr<const tls::ServerContext> make_admin_context(const AdminTls& tls,
                                                             const std::shared_ptr<tls::TicketKeys>& tickets,
                                                             std::chrono::system_clock::time_point now,
                                                             std::vector<Problem>& problems) {
    auto certificate = read_pair(tls.cert, tls.key, "admin.tls", now, problems);
    if (!certificate) return nullptr;
    tls::ServerOptions options{.certificates = {std::move(certificate)},
                               .staples = {},
                               .ciphers = "",
                               .alpn = {"http/1.1"},
                               .id = "admin",
                               .client_roots = nullptr,
                               .tickets = tickets};
    return take_or_report(tls::ServerContext::make(std::move(options)), "admin.tls", problems);
}

} // namespace

TlsContexts make_tls_contexts(const Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                              std::chrono::system_clock::time_point now, const TlsContexts& known,
                              std::vector<Problem>& problems) {
    TlsContexts contexts;
    contexts.files = hash_tls_files(config);
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        if (auto context = make_server_context(listener, tickets, now, problems))
            contexts.listeners[listener.name] = std::move(context);
    }
    if (config.admin.tls) contexts.admin = make_admin_context(*config.admin.tls, tickets, now, problems);
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
    if (config.admin.tls) files.insert(files.end(), {config.admin.tls->cert, config.admin.tls->key});
    std::erase(files, "");
    return files;
}

FileHashes hash_tls_files(const Config& config) {
    std::map<std::string, std::string> hashes;
    for (const auto& path : tls_files(config)) {
        const auto [known, is_new] = hashes.try_emplace(path);
        if (!is_new) continue;
        const auto text = read_whole_file(path, tls::max_pem_bytes);
        known->second = text ? sha256_hex(*text) : text.error().message();
    }
    return hashes;
}

} // namespace weir::conf
