// Stores the last good configuration in `state_dir`: the texts of its files, so that weir can start with them if the
// files on disk are no longer valid. Environment variables are expanded only when the stored configuration is loaded.
//
//   weir last-good 1
//   sha256 <of everything that follows, in hex>
//   hash <of the configuration>
//   file <bytes> <path>           followed by the bytes; once per file, the main file first
//
// Thread: one at a time; blocks on the disk.
// Lifetime: a store keeps only its path.
#pragma once

#include "base/result.h"
#include "conf/read/load.h"

#include <string>
#include <vector>

namespace weir::conf {

struct LastGood {
    std::string hash;
    std::vector<SourceFile> files;
};

// Returns the stored form of a configuration.
std::string to_text(const LastGood& good);
// Parses a stored configuration. Fails if any byte differs from what was written.
Result<LastGood> last_good_from(std::string_view text);

class LastGoodStore {
public:
    // Opens the store of one main file. Each has its own, because several processes may share a state_dir.
    LastGoodStore(const std::string& state_dir, const std::string& main_file);

    Result<void> save(const LastGood& good) const;
    Result<LastGood> read() const;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace weir::conf
