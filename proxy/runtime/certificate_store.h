// The certificates of the listeners: reads them when a configuration is applied, makes the TLS contexts, and rotates
// the session ticket keys. Logs certificates that expire soon.
//
// Thread: the control thread; reading blocks on the disk.
// Lifetime: the io_context must outlive it. Contexts are shared with the snapshots.
#pragma once

#include "base/timer.h"
#include "conf/base/config_error.h"
#include "conf/read/tls_contexts.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

namespace weir::proxy {

class CertificateStore {
public:
    explicit CertificateStore(boost::asio::io_context& control);

    // Returns the TLS contexts of a configuration's listeners. Adds a problem for each pair that cannot be used.
    conf::TlsContexts load(const conf::Config& config, std::vector<conf::Problem>& problems) const;
    // Replaces the contexts with those of the configuration that now takes effect, and logs new certificates.
    void commit(const conf::Config& config, conf::TlsContexts contexts);
    const conf::TlsContexts& contexts() const { return contexts_; }
    void stop() { timer_.cancel(); }

private:
    void rotate_later();
    void warn_of_ends() const;

    Clock& clock_;
    const std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
    conf::TlsContexts contexts_;
    Timer timer_;
};

} // namespace weir::proxy
