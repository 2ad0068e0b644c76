// The newest configuration that this machine has seen given to a fleet, on its own disk: servers that lose their
// memory cannot make it believe that none ever was.
//
// Thread: one at a time; blocks on the disk.
// Lifetime: keeps only the path.
#pragma once

#include "lock/fleet_types.h"

#include <boost/system/error_code.hpp>

#include <string>

namespace weir::proxy {

class GivenMark {
public:
    GivenMark(const std::string& state_dir, const std::string& fleet) : path_(state_dir + "/given-" + fleet) {}

    // Its number is 0 where there is none, or none that makes sense.
    lock::FleetVersion read() const;
    boost::system::error_code write(const lock::FleetVersion& version) const;

private:
    std::string path_;
};

} // namespace weir::proxy
