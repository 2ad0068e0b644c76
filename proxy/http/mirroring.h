// Decides whether a request is mirrored, captures its body, and sends the copy on its way.
//
//   begin ─→ not drawn
//     ├────→ no body: the copy is sent
//     └────→ captures the body ─→ the upload is whole: the copy is sent
//                           └───→ too long, or too many copies: skipped
//
// Thread: one worker's thread.
// Lifetime: lives in its exchange; the constructor's arguments must outlive it.
#pragma once

#include "proxy/http/captured_body.h"
#include "proxy/http/prepared_request.h"

#include <memory>

namespace weir::proxy::http {

class Mirroring {
public:
    Mirroring(Client& client, const IncomingRequest& incoming, const PreparedRequest& prepared)
        : client_(client), incoming_(incoming), prepared_(prepared) {}

    // Draws whether the request is mirrored. If it has no body, sends the copy. The request must have been prepared,
    // and its route must have a mirror.
    void begin();
    // Sees the body while it is forwarded; null if it is not mirrored.
    BodyTap* tap() const { return body_.get(); }
    // Sends the copy of a request whose body has been forwarded.
    void on_upload_whole();

private:
    bool is_drawn(const conf::Mirror& mirror);
    void send();
    void skip() const { client_.context.counters.mirrors_skipped.add(); }

    Client& client_;
    const IncomingRequest& incoming_;
    const PreparedRequest& prepared_;
    std::unique_ptr<CapturedBody> body_; // null: there is none to capture
};

} // namespace weir::proxy::http
