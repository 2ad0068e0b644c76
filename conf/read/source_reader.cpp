#include "conf/read/source_reader.h"

#include "base/durable_file.h"
#include "conf/base/glob_paths.h"

#include <algorithm>

#include <fnmatch.h>
#include <sys/stat.h>

namespace weir::conf {
namespace {

constexpr std::size_t max_bytes = (4u << 20) + 1; // one byte above the limit of document.h

Result<std::string> read_from_disk(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) return Error("not a regular file");
    auto text = read_whole_file(path, max_bytes);
    if (!text) return Error("cannot be read: " + text.error().message());
    return text;
}

} // namespace

Result<std::string> SourceReader::read(const std::string& path) const {
    if (!memory_) return read_from_disk(path);
    const auto it = std::find_if(memory_->begin(), memory_->end(), [&](const auto& file) { return file.path == path; });
    if (it == memory_->end()) return Error("is not among the stored files");
    return it->text;
}

Result<std::vector<std::string>> SourceReader::find(const std::string& pattern) const {
    if (!memory_) return glob_paths(pattern, Matching::files);
    std::vector<std::string> found;
    for (const auto& file : *memory_)
        if (::fnmatch(pattern.c_str(), file.path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) found.push_back(file.path);
    return found;
}

} // namespace weir::conf
