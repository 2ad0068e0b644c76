// The end of a call of gRPC that weir ends itself, and what is counted at the end of any call.
//
// Thread: one worker's thread.
// Lifetime: keeps nothing; a page points to static texts.
#pragma once

#include "conf/model/route.h"
#include "proxy/http1/status.h"
#include "proxy/log/access_line.h"
#include "proxy/snapshot/grpc_method_stats.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::proxy::http {

// Makes a page the response to a call, which has HTTP status 200 and no body. PageFields::add_call_status completes it.
// Sets the status of the call in `record`, if it has none, from the HTTP status and the reason there.
void begin_call_error(Page& page, log::AccessRecord& record);

// Returns a text for people whose call ends with this HTTP status. `fixed` is the response of its route; null: an
// error.
std::string call_message(int status, const conf::FixedResponse* fixed);

// Counts a call that has ended as `record` says, with the status that the client has got or has concluded. `path` is
// that of the request.
void count_call(GrpcMethodStats& methods, std::size_t worker, std::string_view path, const log::AccessRecord& record);

} // namespace weir::proxy::http
