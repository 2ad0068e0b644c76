// The admin API's listener and connections, over TCP or a unix socket.
//
// Thread: the control thread.
// Lifetime: the Api must outlive it; connections end soon after `stop`.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "proxy/admin/api.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace weir::proxy::admin {

class Server {
public:
    Server(boost::asio::io_context& control, Api& api);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Listens on an address. Connections are accepted only after `start`. Replaces a unix socket that a dead process
    // left behind.
    Result<void> listen(const conf::AdminAddress& address);
    // Takes over the listening socket of an old process, which must be bound to `address`.
    Result<void> take_over(const conf::AdminAddress& address, UniqueFd socket);

    // Starts to accept connections.
    void start();

    // Returns a duplicate of the listening socket. Fails if there is no socket or no room for a duplicate.
    Result<UniqueFd> duplicate_socket() const;
    // Leaves the address to a new process: stops listening without removing the unix socket.
    void leave();
    // Stops listening and removes the unix socket. Connections end soon.
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace weir::proxy::admin
