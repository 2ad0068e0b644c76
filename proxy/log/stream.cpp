#include "proxy/log/stream.h"

#include <string>

#include <fcntl.h>

namespace weir::proxy::log {

int open_stream(int stream) {
    const auto path = "/proc/self/fd/" + std::to_string(stream);
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 ? fd : ::fcntl(stream, F_DUPFD_CLOEXEC, 3);
}

} // namespace weir::proxy::log
