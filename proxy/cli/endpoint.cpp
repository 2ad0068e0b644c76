#include "proxy/cli/endpoint.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <netdb.h>

namespace weir::proxy::cli {

namespace asio = boost::asio;

namespace {

struct Lookup {
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<Result<std::vector<conf::Address>>> result; // unset until the look-up has ended
};

Result<std::vector<conf::Address>> look_up(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    std::vector<conf::Address> addresses;
    for (auto* each = found; each; each = each->ai_next) {
        auto address = conf::Address::from(each->ai_addr);
        address.set_port(port);
        if (address.is_set()) addresses.push_back(address);
    }
    if (found) ::freeaddrinfo(found);
    if (code != 0) return Error(::gai_strerror(code));
    if (addresses.empty()) return Error("the name has no address");
    return addresses;
}

// A weir that listens on all addresses is reached through the loopback address.
asio::ip::address reachable_ip(const conf::Address& address) {
    auto ip = asio::ip::make_address(address.ip_text());
    if (!ip.is_unspecified()) return ip;
    return ip.is_v4() ? asio::ip::address(asio::ip::address_v4::loopback()) : asio::ip::address_v6::loopback();
}

asio::generic::stream_protocol::endpoint to_endpoint(const conf::Address& address) {
    return asio::ip::tcp::endpoint(reachable_ip(address), address.port());
}

} // namespace

Endpoint::Endpoint(const conf::AdminAddress& address, Scheme scheme) : scheme_(scheme) {
    if (address.is_unix()) unix_path_ = std::get<std::string>(address.where);
    else address_ = std::get<conf::Address>(address.where);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    if (text.starts_with("unix:")) {
        const auto path = conf::AdminAddress::parse(text);
        if (!path) return path.error();
        return Endpoint(*path);
    }
    Endpoint endpoint;
    if (text.starts_with("https://")) {
        endpoint.scheme_ = Scheme::https;
        text.remove_prefix(8);
    } else if (text.starts_with("http://")) {
        text.remove_prefix(7);
    }
    if (text.ends_with('/')) text.remove_suffix(1);
    auto address = conf::BackendAddress::parse(text);
    if (!address)
        return Error("write IP:PORT, NAME:PORT, https://NAME:PORT or unix:/PATH, such as 127.0.0.1:9901 (" +
                     address.error().message() + ")");
    endpoint.address_ = *std::move(address);
    return endpoint;
}

// The look-up runs on a thread of its own, which is abandoned at the timeout: getaddrinfo cannot be cancelled.
Result<Endpoint::Sockets> Endpoint::resolve(std::chrono::milliseconds timeout) const {
    if (!unix_path_.empty()) return Sockets{asio::local::stream_protocol::endpoint(unix_path_)};
    if (!address_.is_name()) return Sockets{to_endpoint(address_.ip)};
    const auto lookup = std::make_shared<Lookup>();
    std::thread([lookup, host = address_.host, port = address_.port] {
        auto result = look_up(host, port);
        const std::lock_guard lock(lookup->mutex);
        lookup->result = std::move(result);
        lookup->ended.notify_all();
    }).detach();
    std::unique_lock lock(lookup->mutex);
    if (!lookup->ended.wait_for(lock, timeout, [&] { return lookup->result.has_value(); }))
        return Error("timed out resolving " + address_.host);
    const auto& result = *lookup->result;
    if (!result) return Error("cannot resolve " + address_.host + " (" + result.error().message() + ")");
    Sockets endpoints;
    for (const auto& address : *result) endpoints.push_back(to_endpoint(address));
    return endpoints;
}

std::string Endpoint::host() const {
    return address_.is_name() ? address_.host : reachable_ip(address_.ip).to_string();
}

std::string Endpoint::host_field() const { return unix_path_.empty() ? address_.text() : "localhost"; }

std::string Endpoint::text() const {
    if (!unix_path_.empty()) return "unix:" + unix_path_;
    return (scheme_ == Scheme::https ? "https://" : "") + address_.text();
}

} // namespace weir::proxy::cli
