#include "conf/model/endpoint.h"

#include <cstring>

#include <sys/un.h>

namespace weir::conf {

Endpoint Endpoint::at_socket(std::string path) {
    Endpoint endpoint;
    endpoint.path_ = std::move(path);
    return endpoint;
}

std::string Endpoint::text() const { return is_unix() ? "unix:" + path_ : address_.text(); }

std::string Endpoint::authority() const { return is_unix() ? "localhost" : address_.text(); }

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
    static_assert(max_socket_path < sizeof(sockaddr_un::sun_path));
    if (!is_unix()) return address_.to_sockaddr(out);
    std::memset(&out, 0, sizeof out);
    auto* un = reinterpret_cast<sockaddr_un*>(&out);
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path_.data(), std::min(path_.size(), max_socket_path));
    return sizeof *un;
}

} // namespace weir::conf
