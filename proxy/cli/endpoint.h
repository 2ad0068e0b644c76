// The address of an admin API: a unix socket, an IP address, or a host name that is resolved on use.
//
// Thread: any.
// Lifetime: values.
#pragma once

#include "conf/model/address.h"

#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::cli {

class Endpoint {
public:
    enum class Scheme { http, https };
    using Sockets = std::vector<boost::asio::generic::stream_protocol::endpoint>;

    Endpoint() = default;
    Endpoint(const conf::AdminAddress& address, Scheme scheme = Scheme::http);

    // Parses "10.0.0.5:9901", "weir.internal:9901", either of them after "http://" or "https://", or "unix:/path".
    static Result<Endpoint> parse(std::string_view text);

    // Returns the addresses to connect to, at least one, in order. Blocks for at most `timeout`.
    Result<Sockets> resolve(std::chrono::milliseconds timeout) const;

    Scheme scheme() const { return scheme_; }
    // Returns the host name or IP address that the server's certificate must be valid for. Not for unix sockets.
    std::string host() const;
    // Returns the value of a request's Host field.
    std::string host_field() const;
    std::string text() const;

private:
    std::string unix_path_; // empty: `address_` is used
    conf::BackendAddress address_;
    Scheme scheme_ = Scheme::http;
};

} // namespace weir::proxy::cli
