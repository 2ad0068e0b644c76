#include "conf/base/glob_paths.h"

#include <cerrno>
#include <cstring>

#include <glob.h>

namespace weir::conf {
namespace {

int is_fatal(const char*, int error) { return error != ENOENT && error != ENOTDIR; }

} // namespace

Result<std::vector<std::string>> glob_paths(const std::string& pattern, Matching matching) {
    glob_t found{};
    errno = 0;
    const bool files = matching == Matching::files;
    const int result = ::glob(pattern.c_str(), files ? 0 : GLOB_ONLYDIR, files ? is_fatal : nullptr, &found);
    const int error = errno;
    std::vector<std::string> paths;
    if (result == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (result == GLOB_ABORTED || result == GLOB_NOSPACE)
        return Error("cannot expand " + pattern + ": " + (error ? std::strerror(error) : "cannot read a directory"));
    return paths;
}

} // namespace weir::conf
