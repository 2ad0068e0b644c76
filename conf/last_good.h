// The last configuration that worked, kept in `state_dir`: the texts of its files, so that weir can start from them
// when the files themselves have become bad. Values from the environment are not in it: they are put in when it is
// read.
//
//   weir last-good 1
//   sha256 <of all that follows, in hex>
//   hash <of the configuration>
//   file <bytes> <path>           and the bytes, once for each file, the main one first
//
// Thread: one at a time; blocks on the disk.
// Lifetime: a store keeps only its path.
#pragma once

#include "conf/load.h"

#include <boost/system/error_code.hpp>

#include <string>
#include <vector>

namespace weir::conf {

struct LastGood {
    std::string hash;
    std::vector<SourceFile> files;
};

std::string to_text(const LastGood& good);
// Unset, with the reason in `why`, where a byte of it is not as it was written.
std::optional<LastGood> last_good_from(std::string_view text, std::string& why);

class LastGoodStore {
public:
    // Each main file has one of its own: processes may share a state_dir.
    LastGoodStore(const std::string& state_dir, const std::string& main_file);

    boost::system::error_code save(const LastGood& good) const;
    std::optional<LastGood> read(std::string& why) const;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace weir::conf
