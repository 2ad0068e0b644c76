// Receives a notification when the OutlierDetector ejects a backend or brings it back.
//
// Thread: the control thread.
// Lifetime: a listener outlives the OutlierDetector that calls it.
#pragma once

#include "balancer/backend.h"
#include "conf/model/units.h"

namespace weir::health {

class EjectionListener {
public:
    virtual ~EjectionListener() = default;

    // Called after live traffic has taken a backend out of service for `time`.
    virtual void on_ejection(const balancer::BackendPtr& backend, conf::Duration time) = 0;
    // Called after an ejected backend has returned to service.
    virtual void on_return(const balancer::BackendPtr& backend) = 0;
};

} // namespace weir::health
