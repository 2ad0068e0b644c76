// Makes the TLS contexts of listeners, pools and the admin API from the files that a configuration names.
//
// Thread: any; blocks on the disk.
// Lifetime: the contexts own what they need.
#pragma once

#include "conf/base/config_error.h"
#include "conf/base/hash.h"
#include "conf/model/config.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::conf {

// The TLS contexts of the listeners and pools that have `tls`, by name, and of the admin API.
struct TlsContexts {
    std::map<std::string, std::shared_ptr<const tls::ServerContext>> listeners;
    std::map<std::string, std::shared_ptr<const tls::ClientContext>> pools;
    std::shared_ptr<const tls::ServerContext> admin; // null: the admin API is served without TLS
    FileHashes files;                                // of each of `tls_files`
};

// Reads the certificates and keys, and makes the contexts. Adds a problem for each file that cannot be used at the time
// `now`, and for settings that OpenSSL refuses; a listener or pool with a problem gets no context. Pools whose settings
// and files are those of `known` keep their contexts, and with them their connections and sessions.
TlsContexts make_tls_contexts(const Config& config, const std::shared_ptr<tls::TicketKeys>& tickets,
                              std::chrono::system_clock::time_point now, const TlsContexts& known,
                              std::vector<Problem>& problems);

// Returns the files that the TLS settings of a configuration name.
std::vector<std::string> tls_files(const Config& config);
// Returns the hash of each of them.
FileHashes hash_tls_files(const Config& config);

} // namespace weir::conf
