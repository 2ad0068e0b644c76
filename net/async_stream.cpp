#include "net/async_stream.h"

#include "base/use_nothrow_awaitable.h"
#include "net/socket_bio.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>

#include <tuple>

#include <openssl/err.h>
#include <sys/socket.h>

namespace weir::net {

namespace asio = boost::asio;

namespace {

int family_of(int descriptor) {
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

bool is_plain_http(const boost::system::error_code& error) {
    return error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

} // namespace

AsyncStream::AsyncStream(const executor_type& executor, DetachedStream connection) : socket_(executor) {
    const int descriptor = connection.socket.get();
    boost::system::error_code error;
    socket_.assign(asio::generic::stream_protocol(family_of(descriptor), 0), descriptor, error);
    if (error) return;
    std::ignore = connection.socket.release(); // it is the socket's now
    tls_ = std::move(connection.tls);
}

void AsyncStream::close(boost::system::error_code& error) {
    tls_.reset();
    socket_.close(error);
}

asio::awaitable<Result<void>> AsyncStream::start_tls(tls::SslPtr session) {
    if (!session) co_return Error(asio::error::no_memory, "no memory for a TLS connection");
    boost::system::error_code error;
    socket_.native_non_blocking(true, error);
    if (error) co_return error;
    socket_.set_option(asio::ip::tcp::no_delay(true), error); // unix sockets need none
    SSL_set_mode(session.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A peer that sends records without data, such as KeyUpdate, must not keep OpenSSL from returning.
    SSL_clear_mode(session.get(), SSL_MODE_AUTO_RETRY);
    use_socket(session.get(), socket_.native_handle());
    tls_ = std::move(session);
    for (;;) {
        const auto step = try_handshake(tls_.get());
        if (step.error) {
            got_plain_http_ = is_plain_http(step.error);
            auto failure = handshake_error(tls_.get(), step.error);
            tls_.reset();
            co_return failure;
        }
        if (step.next == TlsStep::Next::complete) co_return Result<void>();
        std::tie(error) = co_await socket_.async_wait(wait_type(step), use_nothrow_awaitable);
        if (!error && !tls_) error = asio::error::operation_aborted; // it was closed just now
        if (error) co_return error;
    }
}

std::string_view AsyncStream::alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    if (tls_) SSL_get0_alpn_selected(tls_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

void AsyncStream::finish_sending() {
    boost::system::error_code ignored;
    if (tls_ && SSL_is_init_finished(tls_.get()) == 1) SSL_shutdown(tls_.get());
    ERR_clear_error();
    socket_.shutdown(Socket::shutdown_send, ignored);
}

DetachedStream AsyncStream::detach() {
    boost::system::error_code error;
    UniqueFd descriptor(socket_.release(error));
    return {std::move(descriptor), std::move(tls_)};
}

} // namespace weir::net
