// The address that a connection to a backend goes to: an IP address and a port, or a unix socket.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include "conf/model/address.h"

namespace weir::conf {

class Endpoint {
public:
    Endpoint() = default;
    Endpoint(const Address& address) : address_(address) {} // implicit by design
    // Creates an endpoint for a unix socket; `path` must be absolute and at most `max_socket_path` bytes long.
    static Endpoint at_socket(std::string path);

    bool is_unix() const { return !path_.empty(); }
    int family() const { return is_unix() ? AF_UNIX : address_.family(); }
    // Changes the port of an IP address; does nothing for a unix socket.
    void set_port(std::uint16_t port) { address_.set_port(port); }

    std::string text() const; // "10.0.0.1:80", "[::1]:80", "unix:/run/app.sock"
    // Returns the authority for requests to this endpoint: the address, or "localhost" for a unix socket.
    std::string authority() const;

    // Fills a socket address and returns its length in bytes.
    socklen_t to_sockaddr(sockaddr_storage& out) const;

    auto operator<=>(const Endpoint&) const = default;

private:
    Address address_;  // unset for a unix socket
    std::string path_; // empty for an IP address
};

} // namespace weir::conf
