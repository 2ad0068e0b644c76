#include "lock/redis/redis_stream.h"

#include "base/deadline.h"
#include "base/use_nothrow_awaitable.h"
#include "lock/redis/time_text.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstdlib>
#include <optional>
#include <vector>

namespace weir::lock {

namespace asio = boost::asio;
using Socket = asio::ip::tcp::socket;

namespace {

// The operations that a timeout cancels while connecting: those of the socket and the resolver.
class Connecting {
public:
    Connecting(Socket& socket, asio::ip::tcp::resolver& resolver) : socket_(socket), resolver_(resolver) {}

    asio::any_io_executor get_executor() { return socket_.get_executor(); }
    void close(boost::system::error_code& error) {
        socket_.close(error);
        resolver_.cancel();
    }

private:
    Socket& socket_;
    asio::ip::tcp::resolver& resolver_;
};

std::string last_ssl_reason(const boost::system::error_code& error) {
    return error.category() == asio::error::get_ssl_category() ? error.message() : "the connection was closed";
}

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

// Resolves the host name. A numeric address is converted directly, because the resolver would need a thread.
Awaitable<Result<Endpoints>> resolve(asio::ip::tcp::resolver& resolver, const RedisAddress& address) {
    boost::system::error_code not_numeric;
    const auto ip = asio::ip::make_address(address.host, not_numeric);
    Endpoints endpoints;
    if (!not_numeric) {
        endpoints.emplace_back(ip, static_cast<unsigned short>(std::strtoul(address.port.c_str(), nullptr, 10)));
        co_return endpoints;
    }
    const auto [error, found] = co_await resolver.async_resolve(address.host, address.port, use_nothrow_awaitable);
    if (error) co_return error;
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    co_return endpoints;
}

} // namespace

struct RedisStream::Link {
    explicit Link(const asio::any_io_executor& executor) : socket(executor) {}

    Socket socket;
    asio::ssl::context context{asio::ssl::context::tls_client};
    std::optional<asio::ssl::stream<Socket&>> tls;
};

RedisStream::RedisStream(asio::any_io_executor executor, std::chrono::milliseconds timeout)
    : executor_(std::move(executor)), timeout_(timeout) {}

RedisStream::~RedisStream() = default;

bool RedisStream::is_open() const { return link_ && link_->socket.is_open(); }

void RedisStream::close() {
    boost::system::error_code ignored;
    if (link_) link_->socket.close(ignored);
}

Awaitable<Result<void>> RedisStream::open(RedisAddress address, std::string ca) {
    link_ = std::make_unique<Link>(executor_);
    auto connected = co_await connect(address);
    if (!connected || address.kind != RedisAddress::Kind::tls) co_return connected;
    auto& context = link_->context;
    boost::system::error_code error;
    if (ca.empty()) context.set_default_verify_paths(error);
    else context.load_verify_file(ca, error);
    if (error) co_return Error("ca: " + ca + ": " + error.message());
    auto& tls = link_->tls.emplace(link_->socket, context);
    tls.set_verify_mode(asio::ssl::verify_peer, error);
    tls.set_verify_callback(asio::ssl::host_name_verification(address.host), error);
    ::SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(
                   address.host.c_str())); // like the macro SSL_set_tlsext_host_name, but without its C-style casts
    const Deadline<Socket> limit(link_->socket, timeout_);
    const auto [failed] = co_await tls.async_handshake(asio::ssl::stream_base::client, use_nothrow_awaitable);
    if (limit.passed()) co_return Error("no TLS handshake within " + to_words(timeout_));
    if (failed) co_return Error("the TLS handshake failed: " + last_ssl_reason(failed));
    co_return Result<void>();
}

Awaitable<Result<void>> RedisStream::connect(const RedisAddress& address) {
    auto& socket = link_->socket;
    asio::ip::tcp::resolver resolver(executor_);
    Connecting connecting(socket, resolver);
    const Deadline<Connecting> limit(connecting, timeout_);
    const auto endpoints = co_await resolve(resolver, address);
    if (!endpoints) co_return Error("cannot resolve " + address.host + ": " + endpoints.error().message());
    boost::system::error_code error;
    for (const auto& endpoint : *endpoints) {
        if (limit.passed()) break; // resolving the name took all the time
        socket = Socket(executor_);
        const auto [failed] = co_await socket.async_connect(endpoint, use_nothrow_awaitable);
        error = failed;
        if (!error || limit.passed()) break;
    }
    if (limit.passed()) co_return Error("cannot connect within " + to_words(timeout_));
    if (error) co_return Error("cannot connect: " + error.message());
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    co_return Result<void>();
}

Awaitable<Result<void>> RedisStream::write(std::string_view bytes) {
    const Deadline<Socket> limit(link_->socket, timeout_);
    boost::system::error_code error;
    if (link_->tls) {
        const auto [failed, sent] = co_await asio::async_write(*link_->tls, asio::buffer(bytes), use_nothrow_awaitable);
        error = failed;
    } else {
        const auto [failed, sent] =
            co_await asio::async_write(link_->socket, asio::buffer(bytes), use_nothrow_awaitable);
        error = failed;
    }
    if (error) co_return Error("cannot send: " + error.message());
    co_return Result<void>();
}

Awaitable<Result<std::string>> RedisStream::read() {
    const Deadline<Socket> limit(link_->socket, timeout_);
    std::array<char, 4096> bytes;
    boost::system::error_code error;
    std::size_t got = 0;
    if (link_->tls) {
        const auto [failed, size] = co_await link_->tls->async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        error = failed, got = size;
    } else {
        const auto [failed, size] = co_await link_->socket.async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        error = failed, got = size;
    }
    if (limit.passed()) co_return Error("no answer for " + to_words(timeout_));
    if (error) co_return Error("no answer: " + error.message());
    co_return std::string(bytes.data(), got);
}

} // namespace weir::lock
