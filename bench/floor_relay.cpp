// The floor: a relay on bare epoll that parses nothing. Each client connection has a backend connection of its own, and
// bytes are passed from one to the other with one read and one write. No proxy that does this work can cost less.
//
// usage: floor_relay LISTEN_PORT BACKEND_PORT…   (loopback only; ends on SIGTERM)
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct End {
    int fd = -1;
    End* other = nullptr;
};

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int listen_on(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = loopback(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4096) != 0) {
        std::perror("floor_relay");
        std::exit(1);
    }
    return fd;
}

int connect_to(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0), on = 1;
    const auto address = loopback(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        std::perror("floor_relay: connect");
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void watch(int epoll, End* end) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = end;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event);
}

// Closed ends are leaked on purpose: a fetched event may still point to them, and the program is short-lived.
void close_both(End* end) {
    ::close(end->fd);
    ::close(end->other->fd);
    end->fd = end->other->fd = -1;
}

void pass(End* end) {
    static std::array<char, 65536> buffer;
    if (end->fd < 0) return;
    const auto got = ::recv(end->fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return close_both(end);
    for (ssize_t sent = 0; sent < got;) {
        const auto now =
            ::send(end->other->fd, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        if (now < 0 && errno != EAGAIN) return close_both(end);
        if (now > 0) sent += now;
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const int epoll = ::epoll_create1(0);
    End listener{listen_on(std::atoi(argv[1]))};
    watch(epoll, &listener);
    int next = 0;
    for (;;) {
        std::array<epoll_event, 256> events;
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            auto* end = static_cast<End*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (end != &listener) {
                pass(end);
                continue;
            }
            const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK), on = 1;
            if (fd < 0) continue;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            auto* client = new End{fd};
            auto* backend = new End{connect_to(std::atoi(argv[2 + next++ % (argc - 2)])), client};
            client->other = backend;
            watch(epoll, client);
            watch(epoll, backend);
        }
    }
}
