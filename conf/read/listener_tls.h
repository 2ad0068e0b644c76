// Makes the TLS contexts of the listeners from the files that a configuration names.
//
// Thread: any; blocks on the disk.
// Lifetime: the contexts own what they need.
#pragma once

#include "conf/base/config_error.h"
#include "conf/model/config.h"
#include "tls/server_context.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::conf {

// The TLS contexts of the listeners that have `tls`, by name.
using TlsContexts = std::map<std::string, std::shared_ptr<const tls::ServerContext>>;

// Reads the certificates and keys, and makes the contexts. Adds a problem for each pair of files that cannot be used at
// the time `now`, and for settings that OpenSSL refuses; a listener with a problem gets no context.
TlsContexts make_tls_contexts(const Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                              std::chrono::system_clock::time_point now, std::vector<Problem>& problems);

} // namespace weir::conf
