// One thing that is wrong with a configuration, and where it stands.
//
// Thread: values.
// Lifetime: own what they hold.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weir::conf {

struct Mark {
    std::size_t file = 0;     // index into the files that were read
    int line = 0, column = 0; // from 1; 0 where there is no place to name
};

struct Error {
    std::string file;
    int line = 0, column = 0;
    std::string path; // "pools.web.backends[1].address"; empty for the file as a whole
    std::string why;

    // "weir.yaml:12:7: pools.web.backends[1].address: why"
    std::string text() const;
};

// The same without its place, for those who know only what it is about.
struct Problem {
    std::string path, why;
};

using Errors = std::vector<Error>;

} // namespace weir::conf
