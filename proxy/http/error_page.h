// Sends a response that weir generates itself.
//
// Thread: one worker's thread.
// Lifetime: the client must outlive the task.
#pragma once

#include "proxy/http1/status.h"
#include "proxy/io/task.h"
#include "proxy/log/access_line.h"
#include "proxy/worker/client.h"

namespace weir::proxy::http {

// Sends the page, and waits at most `timeout` for the client to take more of it. Adds the bytes sent to `record`, and
// a failure if the client did not take the whole page in time. Returns what to do with the client's connection: what
// the page says, or `close` if the client did not take it all.
Task<Connection> send_page(Client& client, Page page, conf::Duration timeout, log::AccessRecord& record);

enum class SentPart { some, all };

// Sends `out`, which is not empty, and `rest` behind it. Likewise waits for the client, and adds what happens to
// `record`, except for the size of the body.
Task<SentPart> send_whole(Client& client, Buffer& out, std::string_view rest, conf::Duration timeout,
                          log::AccessRecord& record);

} // namespace weir::proxy::http
