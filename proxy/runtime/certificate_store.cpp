#include "proxy/runtime/certificate_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>

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

bool is_open_to_others(const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

} // namespace

CertificateStore::CertificateStore(boost::asio::io_context& control) : clock_(clock_of(control)), timer_(control) {}

conf::TlsContexts CertificateStore::load(const conf::Config& config, std::vector<conf::Problem>& problems) const {
    return conf::make_tls_contexts(config, tickets_, clock_.wall_now(), contexts_, problems);
}

void CertificateStore::commit(const conf::Config& config, conf::TlsContexts contexts) {
    const auto before = std::exchange(contexts_, std::move(contexts));
    for (const auto& listener : config.listeners) {
        if (!listener.tls) continue;
        const auto known = before.listeners.find(listener.name);
        const auto& certificates = contexts_.listeners.at(listener.name)->certificates();
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            if (known != before.listeners.end() && has(known->second, *certificates[i])) continue;
            spdlog::info("listener {} has a new certificate for {} (SHA-256 {})", listener.name,
                         first_name(*certificates[i]), certificates[i]->facts().fingerprint.substr(0, 16));
            const auto& key = listener.tls->certificates[i].key;
            if (is_open_to_others(key))
                spdlog::warn("the private key {} can be read by other users: make it readable by weir's user alone",
                             key);
        }
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
