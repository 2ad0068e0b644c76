// A copy of a request on its way to a mirror pool, apart from the client and its exchange. The response is discarded.
//
//   seat of a backend, head, body ─→ waits for its turn ─→ sub-request ─→ counted
//
// It is a client of its own, without a connection, so that nothing that happens to the real one, or to the copy, is
// seen by the other.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it. It holds the view that its
// pool belongs to, even if a reload removes the pool.
#pragma once

#include "proxy/http/captured_body.h"
#include "proxy/http/sub_request.h"
#include "proxy/worker/backend_selection.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace weir::proxy::http {

class Mirror final : public MirrorList::Entry {
public:
    // Copies a request of `original` that was planned with `view`, for a pool of that view. `address` is the client's.
    Mirror(const Client& original, const WorkerViewPtr& view, std::size_t pool, const conf::Address& address);

    // Sets the key of a pool with the algorithm `hash`. May be called before select().
    void go_by(std::optional<std::uint64_t> key) { selection_.go_by(key, std::nullopt); }
    // Chooses a backend. Returns false if there is none to send the copy to, which is counted.
    bool select();
    const PoolSpec& pool() const { return *selection_.pool().spec; }
    std::size_t member() const { return selection_.last(); }

    // Sends the copy. Its head is `head`, which must have been written for the chosen backend, and `body` may be null.
    Task<> run();
    Buffer head;
    std::unique_ptr<CapturedBody> body;
    AnswerTo answer_to = AnswerTo::other;
    Resend resend = Resend::never;

    void abort() override;

private:
    void conclude(const SubResponse& response);

    Client client_;
    const WorkerViewPtr view_;
    const conf::Address address_;
    BackendSelection selection_;
    balancer::ConnectionSlot seat_;
};

} // namespace weir::proxy::http
