// What a reload needs to know about the configuration files on disk.
//
// Thread: the control thread.
// Lifetime: must outlive the objects that use it.
#pragma once

#include "conf/watch/watch.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

class ConfigFiles {
public:
    virtual ~ConfigFiles() = default;
    // Sets the files that were read, and the file patterns, to watch from now on.
    virtual void set_files(const std::vector<std::string>& files) = 0;
    // Returns true if a program appears to be writing one of the files at the moment.
    virtual bool are_being_written() const = 0;
    virtual conf::WatchMode mode() const = 0;
    // Returns what cannot be watched at the moment, with advice; unset if all files are watched.
    virtual const std::optional<std::string>& problem() const = 0;
};

} // namespace weir::proxy
