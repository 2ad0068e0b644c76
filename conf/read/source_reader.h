// Reads the files of a configuration, from the disk or from copies in memory.
//
// Thread: any; blocks on the disk.
// Lifetime: copies in memory must outlive it; the results own their texts.
#pragma once

#include "base/result.h"

#include <string>
#include <vector>

namespace weir::conf {

// The text of one file at the time when it was read.
struct SourceFile {
    std::string path, text;
};

class SourceReader {
public:
    // Reads from the disk, or only from `memory` if that is set.
    explicit SourceReader(const std::vector<SourceFile>* memory = nullptr) : memory_(memory) {}

    // Reads one file, up to the size limit of document.h. Refuses pipes and devices, because reading them could block.
    Result<std::string> read(const std::string& path) const;
    // Returns the files that match the pattern of an include.
    Result<std::vector<std::string>> find(const std::string& pattern) const;

private:
    const std::vector<SourceFile>* memory_;
};

} // namespace weir::conf
