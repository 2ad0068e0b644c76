#include "proxy/io/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace weir::proxy {

void limit_unsent(int descriptor, std::size_t bytes) {
    const int value = static_cast<int>(bytes);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

void set_connection_options(int descriptor) {
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(descriptor, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    limit_unsent(descriptor, first_credit);
}

} // namespace weir::proxy
