// Decides whether a request is mirrored, captures its body, and sends the copy on its way.
//
//   begin ─→ not drawn
//     ├────→ no body ─→ the request has a backend: the copy is sent
//     └────→ captures the body ─→ the upload is whole: the copy is sent
//
// The copy is skipped if the body is too long, if there are too many copies, or if it is never sent.
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
    ~Mirroring();
    Mirroring(const Mirroring&) = delete;
    Mirroring& operator=(const Mirroring&) = delete;

    // Draws whether the request is mirrored. The request must have been prepared, and its route must have a mirror.
    void begin();
    // Sends the copy of a request without a body that has got a backend, the first time.
    void on_backend_chosen();
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
    bool awaits_backend_ = false;        // a copy without a body is sent once the request has a backend
};

} // namespace weir::proxy::http
