#include "proxy/runtime/certificate_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include <sys/stat.h>

namespace weir::proxy {
namespace {

using std::chrono::days;

constexpr auto first_warning = days(14), last_warning = days(3);

std::string first_name(const tls::Certificate& certificate) {
    const auto& names = certificate.facts().names;
    return names.empty() ? certificate.facts().subject : names[0];
}

bool has(const std::shared_ptr<const tls::ServerContext>& context, const tls::Certificate& certificate) {
    return context && std::ranges::any_of(context->certificates(), [&](const auto& known) {
               return known->facts().fingerprint == certificate.facts().fingerprint;
           });
}

std::string key_of(const conf::Listener& listener, std::size_t certificate) {
    return listener.name + " " + listener.tls->certificates[certificate].cert;
}

// Returns the files of the TLS settings, without the listeners' certificates and without private keys.
std::set<std::string> files_without_pairs(const conf::Config& config) {
    std::set<std::string> files;
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        for (const auto& pair : listener.tls->certificates) files.insert(pair.ocsp);
        files.insert({listener.tls->client_ca, listener.tls->session_ticket_keys});
    }
    for (const auto& pool : config.pools)
        if (pool.tls) files.insert({pool.tls->ca, pool.tls->cert});
    files.erase("");
    return files;
}

// Logs a warning if others can read a secret file. `path` may be empty.
void warn_if_open(const char* what, const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0)
        spdlog::warn("the {} {} can be read by other users: make it readable by weir's user alone", what, path);
}

} // namespace

CertificateStore::CertificateStore(boost::asio::io_context& control) : clock_(clock_of(control)), timer_(control) {}

conf::TlsContexts CertificateStore::load(const conf::Config& config, std::vector<conf::Problem>& problems) const {
    return conf::make_tls_contexts(config, tickets_, clock_.wall_now(), contexts_, problems);
}

std::vector<TlsFileChange> CertificateStore::find_changes(const conf::Config& config,
                                                          const conf::TlsContexts& next) const {
    std::vector<TlsFileChange> changes;
    for (const auto& listener : config.listeners) {
        const auto context = next.listeners.find(listener.name);
        if (context == next.listeners.end()) continue;
        const auto& certificates = context->second->certificates();
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            const auto known = fingerprints_.find(key_of(listener, i));
            const auto& fingerprint = certificates[i]->facts().fingerprint;
            if (known == fingerprints_.end() || known->second == fingerprint) continue;
            const auto name = listener.name + "/" + first_name(*certificates[i]);
            changes.push_back({TlsFileChange::Kind::certificate, name, known->second, fingerprint});
        }
    }
    for (const auto& path : files_without_pairs(config)) {
        const auto before = contexts_.files.find(path), after = next.files.find(path);
        if (before == contexts_.files.end() || after == next.files.end() || before->second == after->second) continue;
        changes.push_back({TlsFileChange::Kind::other, path, before->second, after->second});
    }
    return changes;
}

void CertificateStore::commit(const conf::Config& config, conf::TlsContexts contexts) {
    const auto before = std::exchange(contexts_, std::move(contexts));
    fingerprints_.clear();
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        const auto known = before.listeners.find(listener.name);
        const auto& certificates = contexts_.listeners.at(listener.name)->certificates();
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            fingerprints_[key_of(listener, i)] = certificates[i]->facts().fingerprint;
            if (known != before.listeners.end() && has(known->second, *certificates[i])) continue;
            spdlog::info("listener {} has a new certificate for {} (SHA-256 {})", listener.name,
                         first_name(*certificates[i]), certificates[i]->facts().fingerprint.substr(0, 16));
            warn_if_open("private key", listener.tls->certificates[i].key);
        }
        if (known == before.listeners.end()) warn_if_open("file of ticket keys", listener.tls->session_ticket_keys);
    }
    warn_of_ends();
    if (before.listeners.empty() && !contexts_.listeners.empty()) rotate_later();
}

void CertificateStore::rotate_later() {
    timer_.expires_after(tls::TicketKeys::lifetime);
    timer_.wait([this](WaitEnd end) {
        if (end == WaitEnd::cancelled) return;
        tickets_->rotate();
        warn_of_ends();
        rotate_later();
    });
}

void CertificateStore::warn_of_ends() const {
    const auto now = clock_.wall_now();
    for (const auto& [listener, context] : contexts_.listeners) {
        for (std::size_t i = 0; i < context->staples().size(); ++i)
            if (const auto& staple = context->staples()[i]; staple && !staple->is_current(now))
                spdlog::warn("the OCSP response of listener {} for {} is out of date, so it is not sent: renew it",
                             listener, first_name(*context->certificates()[i]));
        for (const auto& certificate : context->certificates()) {
            const auto left = certificate->facts().not_after - now;
            if (left > first_warning) continue;
            const auto whole_days = std::chrono::duration_cast<days>(left).count();
            const auto level = left > last_warning ? spdlog::level::warn : spdlog::level::err;
            if (left.count() > 0)
                spdlog::log(level, "the certificate of listener {} for {} expires in {} days: renew it", listener,
                            first_name(*certificate), whole_days);
            else
                spdlog::error("the certificate of listener {} for {} has expired: renew it", listener,
                              first_name(*certificate));
        }
    }
}

} // namespace weir::proxy
