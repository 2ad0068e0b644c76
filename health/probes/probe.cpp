#include "health/probes/probe.h"

#include "base/deadline.h"
#include "base/use_nothrow_awaitable.h"
#include "health/probes/heartbeat_probe.h"
#include "health/probes/http_probe.h"
#include "health/probes/tcp_probe.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>

namespace weir::health {

namespace asio = boost::asio;

std::unique_ptr<Probe> make_probe(const conf::HealthCheck& check) {
    switch (check.type) {
    case conf::CheckType::http: return std::make_unique<HttpProbe>(check);
    case conf::CheckType::tcp: return std::make_unique<TcpProbe>();
    case conf::CheckType::heartbeat: return std::make_unique<HeartbeatProbe>();
    }
    return nullptr;
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

asio::awaitable<ProbeConnection> connect_probe(Socket& socket, conf::Endpoint address, std::string_view header,
                                               conf::Duration timeout) {
    sockaddr_storage raw;
    const auto length = address.to_sockaddr(raw);
    const asio::generic::stream_protocol::endpoint endpoint(&raw, length);
    Deadline deadline(socket, timeout);
    auto [error] = co_await socket.async_connect(endpoint, use_nothrow_awaitable);
    if (is_shortage(error))
        co_return ProbeConnection{ProbeResult{ProbeOutcome::inconclusive, "cannot probe: " + error.message()}};
    if (deadline.passed())
        co_return ProbeConnection{ProbeResult{ProbeOutcome::failed, "no connection within " + conf::format(timeout)},
                                  true};
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::out_of_band_inline(true),
                      ignored); // urgent bytes are read in order with the others
    if (!error && !header.empty())
        socket.write_some(asio::buffer(header), error); // fits into the send buffer of a new connection
    if (error) co_return ProbeConnection{ProbeResult{ProbeOutcome::failed, "cannot connect: " + error.message()}};
    co_return ProbeConnection{};
}

asio::awaitable<ProbeResult> run_probe(Probe& probe, conf::Endpoint address, std::string_view header,
                                       conf::Duration timeout) {
    Socket socket(co_await asio::this_coro::executor);
    const auto& clock = clock_of(socket.get_executor());
    const auto end = clock.now() + timeout;
    auto connected = co_await connect_probe(socket, address, header, timeout);
    if (connected.failure) co_return std::move(*connected.failure);
    Deadline deadline(socket, std::chrono::ceil<conf::Duration>(end - clock.now()));
    auto result = co_await probe.talk(socket, address);
    if (result.outcome == ProbeOutcome::failed && deadline.passed())
        result.text = "no answer within " + conf::format(timeout);
    co_return result;
}

} // namespace weir::health
