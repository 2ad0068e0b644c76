#include "proxy/worker/open_work.h"

namespace weir::proxy {
namespace {

std::string count(std::size_t number, const char* noun) {
    return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

} // namespace

void OpenWork::add(Activity activity) {
    switch (activity) {
    case Activity::idle: break;
    case Activity::request: ++requests; break;
    case Activity::tunnel: ++tunnels; break;
    case Activity::tcp: ++tcp_connections; break;
    }
}

OpenWork& OpenWork::operator+=(const OpenWork& other) {
    requests += other.requests;
    tunnels += other.tunnels;
    tcp_connections += other.tcp_connections;
    return *this;
}

std::string format(const OpenWork& work) {
    return count(work.requests, "request") + ", " + count(work.tunnels, "tunnel") + " and " +
           count(work.tcp_connections, "TCP connection");
}

} // namespace weir::proxy
