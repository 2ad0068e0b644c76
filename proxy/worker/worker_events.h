// What the parts of a worker's context report to the worker.
//
// Thread: one worker's thread.
// Lifetime: the receiver must outlive the context.
#pragma once

#include "balancer/backend.h"

namespace weir::proxy {

class WorkerEvents {
public:
    // Called when a client's connection has ended and is no longer in the list.
    virtual void on_client_left() = 0;
    // Called when a backend has failed as many requests in a row as its pool allows.
    virtual void on_errors(const balancer::BackendPtr& backend) = 0;

protected:
    ~WorkerEvents() = default;
};

} // namespace weir::proxy
