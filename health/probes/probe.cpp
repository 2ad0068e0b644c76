#include "health/probes/probe.h"

#include "base/deadline.h"
#include "base/use_nothrow_awaitable.h"
#include "health/probes/grpc_probe.h"
#include "health/probes/heartbeat_probe.h"
#include "health/probes/http_probe.h"
#include "health/probes/tcp_probe.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>

namespace weir::health {

namespace asio = boost::asio;

std::unique_ptr<Probe> make_probe(const conf::HealthCheck& check, conf::BackendProtocol protocol) {
    switch (check.type) {
    case conf::CheckType::http: return std::make_unique<HttpProbe>(check, protocol);
    case conf::CheckType::tcp: return std::make_unique<TcpProbe>();
    case conf::CheckType::grpc: return std::make_unique<GrpcProbe>(check);
    case conf::CheckType::heartbeat: return std::make_unique<HeartbeatProbe>();
    }
    return nullptr;
}

std::string_view alpn_of(conf::CheckType type, conf::BackendProtocol protocol) {
    if (type == conf::CheckType::grpc) return "h2";
    if (type != conf::CheckType::http) return {};
    switch (protocol) {
    case conf::BackendProtocol::http1: break;
    case conf::BackendProtocol::http2: return "h2";
    case conf::BackendProtocol::automatic: return "h2,http/1.1";
    }
    return "http/1.1";
}

namespace {

// Returns whether the error was caused by this machine, not by the backend.
bool is_shortage(const boost::system::error_code& error) {
    namespace errc = boost::system::errc;
    return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
           error == errc::no_buffer_space || error == errc::address_not_available || error == errc::not_enough_memory;
}

} // namespace

std::string_view own_proxy_header(conf::ProxyProtocol version) {
    switch (version) {
    case conf::ProxyProtocol::v1: return "PROXY UNKNOWN\r\n";
    case conf::ProxyProtocol::v2: return {"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16}; // LOCAL
    case conf::ProxyProtocol::none: break;
    }
    return {};
}

asio::awaitable<ProbeConnection> connect_probe(net::AsyncStream& stream, ProbeTarget target, conf::Duration timeout) {
    const auto failed = [](std::string text) {
        return ProbeConnection{ProbeResult{ProbeOutcome::failed, std::move(text)}};
    };
    sockaddr_storage raw;
    const auto length = target.address.to_sockaddr(raw);
    const asio::generic::stream_protocol::endpoint endpoint(&raw, length);
    auto& socket = stream.socket();
    Deadline deadline(stream, timeout);
    auto [error] = co_await socket.async_connect(endpoint, use_nothrow_awaitable);
    if (is_shortage(error))
        co_return ProbeConnection{ProbeResult{ProbeOutcome::inconclusive, "cannot probe: " + error.message()}};
    if (deadline.passed())
        co_return ProbeConnection{ProbeResult{ProbeOutcome::failed, "no connection within " + conf::format(timeout)},
                                  true};
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::out_of_band_inline(true),
                      ignored); // urgent bytes are read in order with the others
    if (!error && !target.header.empty())
        socket.write_some(asio::buffer(target.header), error); // fits into the send buffer of a new connection
    if (error) co_return failed("cannot connect: " + error.message());
    if (!target.tls.context) co_return ProbeConnection{};
    const auto secured = co_await stream.start_tls(target.tls.context->new_session(target.tls.host, target.alpn));
    if (deadline.passed())
        co_return ProbeConnection{ProbeResult{ProbeOutcome::failed, "no TLS handshake within " + conf::format(timeout)},
                                  true};
    if (!secured) co_return failed("the TLS handshake failed: " + secured.error().message());
    co_return ProbeConnection{};
}

asio::awaitable<ProbeResult> run_probe(Probe& probe, ProbeTarget target, conf::Duration timeout) {
    net::AsyncStream stream(co_await asio::this_coro::executor);
    const auto& clock = clock_of(stream.get_executor());
    const auto end = clock.now() + timeout;
    const auto address = target.address;
    auto connected = co_await connect_probe(stream, std::move(target), timeout);
    if (connected.failure) co_return std::move(*connected.failure);
    Deadline deadline(stream, std::chrono::ceil<conf::Duration>(end - clock.now()));
    auto result = co_await probe.talk(stream, address);
    if (result.outcome == ProbeOutcome::failed && deadline.passed())
        result.text = "no answer within " + conf::format(timeout);
    co_return result;
}

} // namespace weir::health
