// Receives changes of the addresses that host names resolve to.
//
// Thread: the control thread.
// Lifetime: it must outlive the HostResolver that calls it.
#pragma once

namespace weir::proxy {

class AddressListener {
public:
    virtual ~AddressListener() = default;

    // Called after the addresses of a name in use have changed.
    virtual void on_addresses_changed() = 0;
};

} // namespace weir::proxy
