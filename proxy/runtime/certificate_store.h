// The certificates in force: reads them when a configuration is applied, makes the TLS contexts, and rotates the
// session ticket keys. Logs certificates that expire soon.
//
// Thread: the control thread; reading blocks on the disk.
// Lifetime: the io_context must outlive it. Contexts are shared with the snapshots.
#pragma once

#include "base/timer.h"
#include "conf/base/config_error.h"
#include "conf/read/tls_contexts.h"
#include "proxy/runtime/file_change.h"
#include "proxy/runtime/presented_certificates.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace weir::proxy {

class CertificateStore {
public:
    explicit CertificateStore(boost::asio::io_context& control);

    // Returns the TLS contexts of a configuration. Adds a problem for each pair that cannot be used.
    conf::TlsContexts load(const conf::Config& config, std::vector<conf::Problem>& problems) const;
    // Returns the files that were in force and have changed in `next`, which was loaded for `config`. Leaves out
    // private keys, which change with their certificates.
    std::vector<FileChange> find_changes(const conf::Config& config, const conf::TlsContexts& next) const;
    // Replaces the contexts with those of the configuration that now takes effect, and logs new
    // certificates and other changed files.
    void commit(const conf::Config& config, conf::TlsContexts contexts);
    // Returns the random ticket keys, and takes over those of another process. Malformed keys are ignored.
    std::vector<std::string> ticket_keys() const { return tickets_->encode(); }
    void inherit_ticket_keys(const std::vector<std::string>& keys) { std::ignore = tickets_->adopt(keys); }
    void stop() { timer_.cancel(); }

private:
    static bool has_changed(const std::string& path, const conf::TlsContexts& before, const conf::TlsContexts& after);
    void rotate_later();
    void warn_of_ends() const;

    Clock& clock_;
    const std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
    conf::TlsContexts contexts_;
    std::vector<PresentedCertificate> presented_;
    Timer timer_;
    bool rotates_ = false;
};

} // namespace weir::proxy
