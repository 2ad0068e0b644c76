#include "lock/lease/flock_holder.h"

#include "base/unique_fd.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace weir::lock {
namespace {

// Returns the file's identity as /proc/locks writes it: the device in hexadecimal and the inode.
std::string identity_of(const struct stat& file) {
    char out[64] = "";
    std::snprintf(out, sizeof out, "%02x:%02x:%llu", major(file.st_dev), minor(file.st_dev),
                  static_cast<unsigned long long>(file.st_ino));
    return out;
}

// Returns the process that holds the lock, from lines such as "1: FLOCK  ADVISORY  WRITE 77 fe:00:4711 0 EOF". Lines of
// waiting processes have an arrow, so they do not match.
pid_t find_in_kernel(const std::string& identity) {
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, advisory, access, file;
        pid_t pid = 0;
        if (words >> number >> kind >> advisory >> access >> pid >> file && kind == "FLOCK" && file == identity)
            return pid;
    }
    return 0;
}

std::string command_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

} // namespace

std::string FlockHolder::text() const {
    if (pid <= 0) return "another process";
    return "process " + std::to_string(pid) + (command.empty() ? "" : " (" + command + ")");
}

std::optional<FlockHolder> find_flock_holder(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::nullopt;
    struct stat file {};
    const auto pid = ::fstat(fd.get(), &file) == 0 ? find_in_kernel(identity_of(file)) : 0;
    if (pid > 0) return FlockHolder{pid, command_of(pid)};
    // The kernel does not list the locks of other PID namespaces. Taking a shared lock for a moment detects them.
    if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) return FlockHolder{};
    return std::nullopt;
}

} // namespace weir::lock
