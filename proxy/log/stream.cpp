#include "proxy/log/stream.h"

#include <string>

#include <fcntl.h>

namespace weir::proxy::log {

Result<UniqueFd> open_stream(int stream) {
    const auto path = "/proc/self/fd/" + std::to_string(stream);
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
    if (!fd) fd.reset(::fcntl(stream, F_DUPFD_CLOEXEC, 3));
    if (!fd) return last_system_error();
    return fd;
}

} // namespace weir::proxy::log
