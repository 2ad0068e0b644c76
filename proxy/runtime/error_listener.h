// Receives the reports of workers that a backend keeps failing live requests.
//
// Thread: documented by the class that takes the listener.
// Lifetime: it must outlive the class that calls it.
#pragma once

#include "balancer/backend.h"

namespace weir::proxy {

class ErrorListener {
public:
    virtual ~ErrorListener() = default;

    // Called when a backend has failed as many requests in a row as its pool allows.
    virtual void on_consecutive_errors(const balancer::BackendPtr& backend) = 0;
};

} // namespace weir::proxy
