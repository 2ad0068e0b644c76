#include "net/detached_stream.h"

#include "net/tls_step.h"

#include <cerrno>

#include <sys/socket.h>

namespace weir::net {

namespace asio = boost::asio;

std::optional<std::size_t> DetachedStream::receive(std::span<char> into) const {
    if (tls) {
        std::size_t received = 0; // a head and a body may come in two records
        for (TlsStep step{.bytes = 1}; step.bytes > 0 && received < into.size(); received += step.bytes) {
            step = try_read(tls.get(), asio::buffer(into.data() + received, into.size() - received));
            if (step.next != TlsStep::Next::complete && received == 0) return std::nullopt;
        }
        return received;
    }
    const auto got = ::recv(socket.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool DetachedStream::send(std::string_view bytes) const {
    if (tls) return try_write(tls.get(), asio::buffer(bytes)).bytes == bytes.size();
    return ::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
}

} // namespace weir::net
