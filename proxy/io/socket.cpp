#include "proxy/io/socket.h"

#include "proxy/io/socket_options.h"

#include <cassert>
#include <cerrno>
#include <utility>

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace weir::proxy {
namespace {

// The limit on unsent bytes grows by the factor as the peer takes bytes, until there is none.
constexpr std::size_t no_limit = 4 * 1024 * 1024, credit_factor = 4;

} // namespace

bool Socket::open(EventLoop& loop, UniqueFd connection, Waker& waker) {
    fd_ = std::move(connection);
    loop_ = &loop;
    waker_ = &waker;
    readable_ = hung_up_ = broken_ = fin_received_ = urgent_ = false;
    sent_ = 0;
    credit_ = first_credit;
    writable_ = true;
    if (loop.add(fd_.get(), *this, Trigger::edge)) return true;
    const int error = errno;
    close();
    errno = error;
    return false;
}

int Socket::connect(EventLoop& loop, const conf::Endpoint& address, Waker& waker) {
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return errno;
    set_connection_options(fd.get());
    sockaddr_storage to;
    const auto length = address.to_sockaddr(to);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0 && errno != EINPROGRESS) return errno;
    if (!open(loop, std::move(fd), waker)) return errno;
    writable_ = false; // until the connection is established
    return 0;
}

int Socket::connect_error() const {
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

conf::Address Socket::local() const {
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
    return conf::Address::from(reinterpret_cast<const sockaddr*>(&raw));
}

void Socket::close(HowToClose how) {
    if (!fd_) return;
    if (how == HowToClose::reset) {
        const linger now{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    loop_->remove(fd_.get(), *this);
    fd_.reset();
    readable_ = writable_ = false;
}

bool Socket::at_end() const {
    char byte;
    return hung_up_ && ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool Socket::is_idle() {
    char byte;
    const bool quiet = !hung_up_ && ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
                       (errno == EAGAIN || errno == EWOULDBLOCK);
    readable_ = !quiet;
    return quiet;
}

IoResult Socket::receive(std::span<char> into) {
    if (!readable_) return {IoStatus::would_block};
    assert(!into.empty()); // the kernel's 0 would look like the end of the stream
    for (;;) {
        const auto got = ::recv(fd_.get(), into.data(), into.size(), 0);
        if (got > 0) {
            // A short read empties the queue, and the next byte brings an event, except after a hang-up.
            if (static_cast<std::size_t>(got) < into.size() && !hung_up_ && !urgent_) readable_ = false;
            if (received_count_) received_count_->add(static_cast<std::uint64_t>(got));
            return {IoStatus::ok, static_cast<std::size_t>(got)};
        }
        if (got == 0) return {IoStatus::end};
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) return {IoStatus::failed, 0, errno};
        readable_ = false;
        return {IoStatus::would_block};
    }
}

IoResult Socket::send(std::span<const iovec> parts) {
    if (!writable_) return {IoStatus::would_block};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    for (;;) {
        // The plain call costs the kernel less.
        const auto sent = parts.size() == 1 ? ::send(fd_.get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                                            : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
        if (sent >= 0) {
            sent_ += static_cast<std::uint64_t>(sent);
            if (sent_count_) sent_count_->add(static_cast<std::uint64_t>(sent));
            return {IoStatus::ok, static_cast<std::size_t>(sent)};
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) return {IoStatus::failed, 0, errno};
        writable_ = false;
        return {IoStatus::would_block};
    }
}

std::size_t Socket::unacked_bytes() const {
    int bytes = 0;
    return ::ioctl(fd_.get(), SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Socket::raise_unsent_low_water_mark() {
    while (credit_ < no_limit && sent_ >= credit_factor * credit_ &&
           sent_ - unacked_bytes() >= credit_factor * credit_) {
        credit_ *= credit_factor;
        limit_unsent(fd_.get(), credit_ < no_limit ? credit_ : 0);
    }
}

void Socket::finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }

void Socket::on_event(std::uint32_t events) {
    if (events & EPOLLERR) broken_ = true;
    if ((events & EPOLLRDHUP) && !broken_) fin_received_ = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up_ = true;
    if (events & EPOLLPRI) urgent_ = true;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writable_ = true;
    waker_->wake();
}

} // namespace weir::proxy
