// Loads a configuration from its files. A failure reports all errors at once, up to `max_errors` (binder.h).
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns its data.
#pragma once

#include "conf/base/config_error.h"
#include "conf/model/config.h"
#include "conf/read/binder.h"
#include "conf/read/source_reader.h"

namespace weir::conf {

struct Loaded {
    Config config;                  // complete only if `errors` is empty
    Errors errors;                  // sorted by file and line
    std::string hash;               // SHA-256 of the files' bytes in hex; without includes, the output of sha256sum
    std::string seen_hash;          // hash of the files on disk if another configuration was loaded (last_good.h)
    std::vector<std::string> files; // the main file first, then its includes
    // Paths whose change calls for a reload: the files, the include patterns, and the files that they name.
    std::vector<std::string> watched;
    std::string named_files_hash;    // hash_named_files
    Positions positions;             // position of each path
    std::vector<SourceFile> sources; // texts of `files`
    // Returns the text of a problem that was found while the configuration was applied, with its position:
    // "weir.yaml:3:9: path: reason".
    std::string format(const Problem& problem) const { return place(problem).text(); }
    // Returns the problem with its position.
    ConfigError place(const Problem& problem) const;
    bool ok() const { return errors.empty(); }
    // Returns whether every file was read; if not, `errors` says which one failed.
    bool is_read_whole() const { return sources.size() == files.size(); }
};

// Loads `path` and its includes, expands variables, and validates the result.
Loaded load(const std::string& path, const Lookup& lookup = from_environment);

// Returns `known` if its files are unchanged; otherwise loads them again.
Loaded load_again(Loaded known, const Lookup& lookup = from_environment);

// Works like `load`, but on files in memory, the main file first. Reads no configuration from the disk.
Loaded load_sources(const std::vector<SourceFile>& files, const Lookup& lookup = from_environment);

// Works like `load`, but on one text in memory, which must not contain `include`.
Loaded load_text(std::string_view text, const std::string& name, const Lookup& lookup = from_environment);

} // namespace weir::conf
