// Receives the whole body of a request into a store, before a backend gets the request: a client that sends slowly
// occupies no backend. While the store waits for the disk, nothing is read from the client.
//
// Thread: one worker's thread.
// Lifetime: lives within its exchange; the constructor's arguments must outlive it. It must not move.
#pragma once

#include "proxy/bodies/body_store.h"
#include "proxy/http/incoming_request.h"
#include "proxy/http/stall_rule.h"
#include "proxy/io/task.h"
#include "proxy/log/access_line.h"
#include "proxy/transfer/body_source.h"
#include "proxy/transfer/body_tap.h"

#include <optional>

namespace weir::proxy::http {

class RequestBuffering {
public:
    // `tap` sees the body; null: nothing does. `record` receives the byte counts, and the illegal bytes of a body.
    RequestBuffering(Client& client, const IncomingRequest& incoming, const conf::Timeouts& timeouts, BodyStore& store,
                     BodyTap* tap, log::AccessRecord& record);

    // Receives the body. Returns why it is not in the store, if it is not.
    Task<Failure> run();

private:
    Task<Failure> send_continue();
    Task<Failure> receive_all();
    Task<Failure> store(std::span<const char> piece);
    Task<Failure> wait_for_bytes();
    Task<Failure> wait_for_disk();
    Failure failure_of(SourceStatus status) const;
    Failure failure_of(StoreState state) const;

    Client& client_;
    const RequestPlan& plan_;
    const conf::Timeouts& timeouts_;
    BodyStore& store_;
    BodyTap* const tap_;
    log::AccessRecord& record_;
    BodySource source_;
    std::optional<StallRule> stall_; // starts over when the client is waited for again
};

} // namespace weir::proxy::http
