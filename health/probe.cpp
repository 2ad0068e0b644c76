#include "health/probe.h"

#include "health/deadline.h"
#include "health/heartbeat_probe.h"
#include "health/http_probe.h"
#include "health/tcp_probe.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstring>

namespace weir::health {

namespace asio = boost::asio;

std::unique_ptr<Probe> make_probe(const conf::HealthCheck& check) {
    switch (check.type) {
    case conf::CheckType::http: return std::make_unique<HttpProbe>(check.path, check.expect_status);
    case conf::CheckType::tcp: return std::make_unique<TcpProbe>();
    case conf::CheckType::heartbeat: return std::make_unique<HeartbeatProbe>();
    }
    return nullptr;
}

namespace {

// Failures that are this machine's own, not the backend's.
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

asio::awaitable<ProbeResult> run_probe(Probe& probe, conf::Address address, std::string_view header,
                                       conf::Duration timeout) {
    sockaddr_storage raw;
    const auto length = address.to_sockaddr(raw);
    asio::ip::tcp::endpoint endpoint;
    endpoint.resize(length);
    std::memcpy(endpoint.data(), &raw, length);
    Socket socket(co_await asio::this_coro::executor);
    Deadline deadline(socket, timeout);
    auto [error] = co_await socket.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (is_shortage(error)) co_return ProbeResult{ProbeOutcome::inconclusive, "cannot probe: " + error.message()};
    ProbeResult result{ProbeOutcome::failed, "cannot connect: " + error.message()};
    if (!error && !header.empty()) socket.write_some(asio::buffer(header), error); // a new connection takes it at once
    if (!error) result = co_await probe.talk(socket, address);
    if (result.outcome == ProbeOutcome::failed && deadline.passed())
        result.why = "no answer within " + conf::format(timeout);
    co_return result;
}

} // namespace weir::health
