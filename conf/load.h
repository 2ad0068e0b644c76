// From a file to a configuration, or to everything that is wrong with it.
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns everything.
#pragma once

#include "conf/binder.h"
#include "conf/config.h"
#include "conf/error.h"

namespace weir::conf {

// One file as it was read.
struct SourceFile {
    std::string path, text;
};

struct Loaded {
    Config config;                    // whole only where `errors` is empty
    Errors errors;                    // in the order of files and lines
    std::string hash;                 // SHA-256 of the files' bytes in hex: sha256sum's, where nothing is included
    std::string seen_hash;            // of the files on disk, where these are not what was taken (last_good.h)
    std::vector<std::string> files;   // the main file first, then what it includes
    std::vector<std::string> watched; // what a change may come through: the files, and every include as it is written
    Positions positions;              // where each path stands
    std::vector<SourceFile> sources;  // the texts of `files`
    // A problem that shows only when the configuration is applied, with its place: "weir.yaml:3:9: path: why".
    std::string tell(const Problem& problem) const;
    bool ok() const { return errors.empty(); }
};

// Reads `path` and what it includes, puts environment values in, and validates the whole.
Loaded load(const std::string& path, const Lookup& lookup = from_environment);

// `known`, where the files still are what it was read from; otherwise they are read again.
Loaded load_again(Loaded known, const Lookup& lookup = from_environment);

// The same for files that are in memory, the main one first: nothing is read from the disk.
Loaded load_sources(const std::vector<SourceFile>& files, const Lookup& lookup = from_environment);

// The same for a text that is in memory; `include` is refused.
Loaded load_text(std::string_view text, const std::string& name, const Lookup& lookup = from_environment);

} // namespace weir::conf
