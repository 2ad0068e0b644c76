// An error in a configuration, with its position in the files.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weir::conf {

struct Mark {
    std::size_t file = 0;     // index into the files that were read
    int line = 0, column = 0; // from 1; 0 if there is no position
};

struct ConfigError {
    std::string file;
    int line = 0, column = 0;
    std::string path; // "pools.web.backends[1].address"; empty for the whole file
    std::string reason;

    // Returns "weir.yaml:12:7: pools.web.backends[1].address: reason".
    std::string text() const;
};

// An error without a position, for code that knows only the path.
struct Problem {
    std::string path, reason;
};

using Errors = std::vector<ConfigError>;

} // namespace weir::conf
