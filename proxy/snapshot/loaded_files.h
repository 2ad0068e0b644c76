// What was read from the files that a configuration names, at the time when it was applied.
//
// A snapshot keeps it, because a rollback must not depend on files that may have changed or vanished since.
//
// Thread: immutable values.
// Lifetime: the contexts are shared with the connections that use them.
#pragma once

#include "conf/read/named_files.h"
#include "conf/read/page_files.h"
#include "conf/read/tls_contexts.h"
#include "conf/read/users_file.h"

#include <map>
#include <string>

namespace weir::proxy {

// Tokens of the pools whose backends send heartbeats, keyed by pool name.
using HeartbeatTokens = std::map<std::string, std::string>;

struct LoadedFiles {
    conf::TlsContexts tls;
    HeartbeatTokens heartbeat_tokens;
    conf::PageFiles pages;
    conf::UsersFiles users;
    conf::FileHashes pages_and_users; // of the files that these two were read from
};

} // namespace weir::proxy
