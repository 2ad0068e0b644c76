#include "conf/base/glob_paths.h"

#include <cerrno>
#include <cstring>

#include <glob.h>

namespace weir::conf {
namespace {

int is_fatal(const char*, int error) { return error != ENOENT && error != ENOTDIR; }

} // namespace

std::vector<std::string> glob_paths(const std::string& pattern, Matching matching, std::string& why) {
    glob_t found{};
    std::vector<std::string> paths;
    errno = 0;
    const bool files = matching == Matching::files;
    const int result = ::glob(pattern.c_str(), files ? 0 : GLOB_ONLYDIR, files ? is_fatal : nullptr, &found);
    if (result == GLOB_ABORTED || result == GLOB_NOSPACE)
        why = pattern + " cannot be looked for: " + (errno ? std::strerror(errno) : "a directory cannot be read");
    if (result == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    return paths;
}

} // namespace weir::conf
