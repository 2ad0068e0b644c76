// Counts the outcomes of requests for each backend, and reports a backend that reaches its pool's limit of consecutive
// failures.
//
// Thread: one worker's thread.
// Lifetime: the worker's context holds it.
#pragma once

#include "proxy/worker/backend_outcome.h"
#include "proxy/worker/worker_events.h"
#include "proxy/worker/worker_view.h"

namespace weir::proxy {

class OutcomeCounter {
public:
    OutcomeCounter(std::size_t worker, WorkerEvents& events) : worker_(worker), events_(events) {}

    void note(const WorkerPool& pool, std::size_t member, BackendOutcome outcome);
    // Counts a request that the backend has not ended within a deadline that the client has chosen: that counts for the
    // canary, and neither for nor against an ejection.
    void note_missed_deadline(const WorkerPool& pool, std::size_t member);

private:
    const std::size_t worker_;
    WorkerEvents& events_;
};

} // namespace weir::proxy
