// Stores the version of the newest pushed configuration that this machine has seen, so that the machine still knows
// about the push if the servers lose their data.
//
// Thread: one at a time; blocks on the disk.
// Lifetime: keeps only the path.
#pragma once

#include "base/result.h"
#include "lock/fleet/fleet_types.h"

#include <string>

namespace weir::proxy {

class PushedVersion {
public:
    PushedVersion(const std::string& state_dir, const std::string& fleet) : path_(state_dir + "/given-" + fleet) {}

    // Returns the stored version; its number is 0 if there is none or it is malformed.
    lock::FleetVersion read() const;
    // Stores a version in place of the previous one.
    Result<void> write(const lock::FleetVersion& version) const;

private:
    std::string path_;
};

} // namespace weir::proxy
