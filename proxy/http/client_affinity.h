// Pins one request's client to a backend: reads the key and the sticky cookie that the request brings, and prepares the
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
    // Reads what the request says, and has the selection go by it. Call it again for another pool.
    void read(const RequestHead& head, const RequestOrigin& origin, BackendSelection& selection);

    // Prepares the cookie for a member that was chosen at `now`, if the client must get one: the member becomes its
    // pinned member if the client had none, or if that one is out of service. If the pinned member is merely full, the
    // client keeps its cookie.
    void choose(std::size_t member, const BackendSelection& selection, TimePoint now);

    std::string_view cookie() const { return cookie_; } // empty if none is to be set

private:
    bool is_stale_ = false;        // the cookie that the client sent
    Scheme scheme_ = Scheme::http; // the scheme that the client uses, as far as it is known
    std::string cookie_;
};

} // namespace weir::proxy::http
