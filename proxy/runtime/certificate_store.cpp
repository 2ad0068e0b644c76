#include "proxy/runtime/certificate_store.h"

#include "proxy/runtime/secret_file.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

namespace weir::proxy {
namespace {

using std::chrono::days;
using Presented = std::vector<PresentedCertificate>;

constexpr auto first_warning = days(14), last_warning = days(3);

const std::string& fingerprint_of(const PresentedCertificate& presented) {
    return presented.certificate->facts().fingerprint;
}

// Returns the certificate that was read for the same owner from the same file; null if there is none.
const PresentedCertificate* find_earlier(const Presented& earlier, const PresentedCertificate& presented) {
    const auto found = std::ranges::find_if(
        earlier, [&](const auto& known) { return known.owner == presented.owner && known.cert == presented.cert; });
    return found == earlier.end() ? nullptr : &*found;
}

bool has(const Presented& all, const PresentedCertificate& wanted) {
    return std::ranges::any_of(all, [&](const auto& known) {
        return known.owner == wanted.owner && fingerprint_of(known) == fingerprint_of(wanted);
    });
}

// Returns the files of the TLS settings that hold neither a presented certificate nor its key.
std::set<std::string> other_files(const conf::Config& config) {
    std::set<std::string> files;
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        for (const auto& pair : listener.tls->certificates) files.insert(pair.ocsp);
        files.insert({listener.tls->client_ca, listener.tls->session_ticket_keys});
    }
    for (const auto& pool : config.pools)
        if (pool.tls) files.insert(pool.tls->ca);
    files.erase("");
    return files;
}

void warn_of_end(const PresentedCertificate& presented, std::chrono::system_clock::time_point now) {
    const auto left = presented.certificate->facts().not_after - now;
    if (left > first_warning) return;
    const auto name = first_name(*presented.certificate);
    if (left.count() <= 0)
        return spdlog::error("the certificate of {} for {} has expired: renew it", presented.owner, name);
    const auto whole_days = std::chrono::duration_cast<days>(left).count();
    const auto time = whole_days == 0   ? "less than a day"
                      : whole_days == 1 ? "1 day"
                                        : std::to_string(whole_days) + " days";
    spdlog::log(left > last_warning ? spdlog::level::warn : spdlog::level::err,
                "the certificate of {} for {} expires in {}: renew it", presented.owner, name, time);
}

} // namespace

CertificateStore::CertificateStore(boost::asio::io_context& control) : clock_(clock_of(control)), timer_(control) {}

conf::TlsContexts CertificateStore::load(const conf::Config& config, std::vector<conf::Problem>& problems) const {
    return conf::make_tls_contexts(config, tickets_, clock_.wall_now(), contexts_, problems);
}

bool CertificateStore::has_changed(const std::string& path, const conf::TlsContexts& before,
                                   const conf::TlsContexts& after) {
    const auto known = before.files.find(path), now = after.files.find(path);
    return now != after.files.end() && (known == before.files.end() || known->second != now->second);
}

std::vector<FileChange> CertificateStore::find_changes(const conf::Config& config,
                                                       const conf::TlsContexts& next) const {
    std::vector<FileChange> changes;
    for (const auto& presented : presented_certificates(config, next)) {
        const auto* earlier = find_earlier(presented_, presented);
        if (!earlier || fingerprint_of(*earlier) == fingerprint_of(presented)) continue;
        changes.push_back({FileChange::Kind::certificate, presented.owner + "/" + first_name(*presented.certificate),
                           fingerprint_of(*earlier), fingerprint_of(presented)});
    }
    for (const auto& path : other_files(config))
        if (contexts_.files.contains(path) && has_changed(path, contexts_, next))
            changes.push_back({FileChange::Kind::tls_setting, path, contexts_.files.at(path), next.files.at(path)});
    return changes;
}

void CertificateStore::commit(const conf::Config& config, conf::TlsContexts contexts) {
    const auto before = std::exchange(contexts_, std::move(contexts));
    const auto earlier = std::exchange(presented_, presented_certificates(config, contexts_));
    for (const auto& presented : presented_) {
        if (!has(earlier, presented))
            spdlog::info("{} has a new certificate for {} (SHA-256 {})", presented.owner,
                         first_name(*presented.certificate), fingerprint_of(presented).substr(0, 16));
        if (has_changed(presented.key, before, contexts_)) warn_if_open("private key", presented.key);
    }
    for (const auto& path : other_files(config))
        if (before.files.contains(path) && has_changed(path, before, contexts_))
            spdlog::info("{} has changed (SHA-256 {})", path, contexts_.files.at(path).substr(0, 16));
    for (const auto& listener : config.listeners)
        if (listener.tls && has_changed(listener.tls->session_ticket_keys, before, contexts_))
            warn_if_open("session ticket key file", listener.tls->session_ticket_keys);
    warn_of_ends();
    const bool uses_tls = !contexts_.listeners.empty() || !contexts_.pools.empty() || contexts_.admin;
    if (uses_tls && !std::exchange(rotates_, true)) rotate_later();
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
    for (const auto& [listener, context] : contexts_.listeners)
        for (std::size_t i = 0; i < context->staples().size(); ++i)
            if (const auto& staple = context->staples()[i]; staple && !staple->is_current(now))
                spdlog::warn("the OCSP response of listener {} for {} is out of date, so it is not sent: renew it",
                             listener, first_name(*context->certificates()[i]));
    for (const auto& presented : presented_) warn_of_end(presented, now);
}

} // namespace weir::proxy
