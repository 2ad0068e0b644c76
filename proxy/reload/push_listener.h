// Receives notice of versions that were pushed to the fleet.
//
// Thread: the control thread.
// Lifetime: must outlive the Membership that calls it, or be unset there first (Membership::set_listener).
#pragma once

namespace weir::proxy {

class PushListener {
public:
    // Called with every heartbeat reply until the outcome of the newest version is known here.
    virtual void on_pushed() = 0;

protected:
    ~PushListener() = default;
};

} // namespace weir::proxy
