// Begins the log record of a request or of a TCP connection.
//
// Thread: one worker's thread.
// Lifetime: the record points to the client's addresses, the listener's name and the request's texts.
#pragma once

#include "proxy/log/access_line.h"
#include "proxy/worker/client.h"

namespace weir::proxy {

// Returns a record with all that is known from the start. `client_ip` is the client's address, which a trusted proxy
// may have named; `listener` is the one that the client came through.
log::AccessRecord begin_record(const Client& client, const ListenerSpec& listener, std::string_view client_ip,
                               const log::RequestTexts& request = {});

} // namespace weir::proxy
