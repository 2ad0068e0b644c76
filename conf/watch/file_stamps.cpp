#include "conf/watch/file_stamps.h"

#include "conf/base/glob_paths.h"

#include <utility>

#include <sys/stat.h>

namespace weir::conf {
namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

} // namespace

void FileStamps::add(const std::string& path, std::map<std::string, Stamp>& out) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return;
    out[path] = {info.st_dev,
                 info.st_ino,
                 static_cast<std::uint64_t>(info.st_size),
                 info.st_mode,
                 nanoseconds(info.st_mtim),
                 nanoseconds(info.st_ctim)};
}

bool FileStamps::look(const std::vector<std::string>& files) {
    std::map<std::string, Stamp> now;
    for (const auto& file : files) {
        add(file, now); // a file name may contain brackets
        if (!is_pattern(file)) continue;
        const auto found = glob_paths(file, Matching::files);
        if (!found) continue; // the next load reports the error
        for (const auto& each : *found) add(each, now);
    }
    return std::exchange(stamps_, now) != now;
}

} // namespace weir::conf
