// Pins the client of one request to a backend: reads the key and the sticky cookie from the request, and prepares the
// cookie that the response sets.
//
// Thread: one worker's thread.
// Lifetime: lives in its exchange.
#pragma once

#include "proxy/http/affinity.h"
#include "proxy/http/request_origin.h"
#include "proxy/worker/backend_selection.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

class ClientAffinity {
public:
    // Reads the key and the cookie from the request and passes them to the selection. `scheme` is the
    // connection's scheme. Must be called again if the pool changes.
    void read(const RequestHead& head, const RequestOrigin& origin, Scheme scheme, BackendSelection& selection);

    // Prepares a cookie for `member`, which was chosen at `now`, if the client needs a new one. The client is pinned to
    // `member` if it was not pinned before, or if its pinned member is out of service. If the pinned member is merely
    // full, the client keeps its cookie.
    void choose(std::size_t member, const BackendSelection& selection, TimePoint now);

    std::string_view cookie() const { return cookie_; } // empty if none is to be set

private:
    bool is_stale_ = false;        // the cookie that the client sent
    Scheme scheme_ = Scheme::http; // the scheme that the client uses, as far as it is known
    std::string cookie_;
};

} // namespace weir::proxy::http
