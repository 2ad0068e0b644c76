#include "proxy/runtime/secret_file.h"

#include <spdlog/spdlog.h>

#include <sys/stat.h>

namespace weir::proxy {

void warn_if_open(const char* what, const std::string& path, SharedWith shared) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return;
    if (shared == SharedWith::its_group && (about.st_mode & S_IROTH) != 0)
        spdlog::warn("the {} {} can be read by all users: make it readable by weir's user or group alone (chmod 640)",
                     what, path);
    if (shared == SharedWith::nobody && (about.st_mode & (S_IRGRP | S_IROTH)) != 0)
        spdlog::warn(
            "the {} {} can be read by its group or other users: make it readable by weir's user alone (chmod 600)",
            what, path);
}

} // namespace weir::proxy
