// Forwards the request from the client to one backend: its head, then its body.
//
// Thread: one worker's thread.
// Lifetime: lives in its attempt; both connections and the head must outlive it. It must not move.
#pragma once

#include "proxy/http/request_plan.h"
#include "proxy/http/stall_rule.h"
#include "proxy/transfer/body_forwarder.h"
#include "proxy/worker/client.h"

#include <memory>

namespace weir::proxy::http {

class Upload {
public:
    // `head` is the request's head as the backend gets it. The body comes from `stored`, or from the client if that is
    // null. `tap` sees a body that comes from the client; null: nothing does. `trailers` chooses what the backend gets
    // of its trailer section.
    Upload(Client& client, BackendConnection& backend, const RequestPlan& plan, Buffer& head, BodyStore* stored,
           BodyTap* tap, const TrailerFilter& trailers);

    // Forwards as much as can be forwarded now. After `done`, the upload is complete. After `sink_failed`, it is
    // broken: the backend takes no more, but may still respond.
    ForwardStatus run();
    void break_off() { done_ = broken_ = true; }

    bool is_done() const { return done_; } // nothing is left to be forwarded
    bool is_broken() const { return broken_; }
    bool is_whole() const { return done_ && !broken_; }
    // Returns true if the body comes from the client, so that what is left of it is the client's to send.
    bool reads_client() const { return !stored_; }
    // Returns true if weir itself holds the upload up: its disk reads the stored body.
    bool awaits_disk() const { return stored_ && !done_ && stored_->awaits_disk(); }
    int store_error() const { return stored_ ? stored_->error() : 0; } // errno, if the stored body cannot be read
    bool is_head_sent() const { return body_.sent() >= head_size_; }
    Waiting waiting() const { return body_.waiting(); }
    // Returns the peer that must act next, before the response begins.
    Due due() const;
    void note_continue() { awaits_continue_ = false; } // the backend has sent 100

    std::uint64_t moved() const { return body_.moved(); }       // changes whenever something moved
    std::uint64_t consumed() const { return body_.consumed(); } // bytes of the body taken from the client's buffer
    std::string_view malformed() const { return body_.malformed(); }

private:
    BodyForwarder body_;
    const std::unique_ptr<StoredBody> stored_; // null: the body comes from the client
    const std::size_t head_size_;
    Stream& backend_;
    const bool ends_stream_; // the request ends with its side of an HTTP/2 stream
    bool awaits_continue_;   // the client may be waiting for the backend's 100
    bool done_ = false, broken_ = false;
};

// Discards what the client has sent of a broken upload, because a client may read the response only after it has sent
// everything. Returns the number of bytes discarded.
std::size_t discard_upload(Client& client);

} // namespace weir::proxy::http
