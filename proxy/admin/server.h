// The admin API's listener and connections, over TCP or a unix socket.
//
// Thread: the control thread.
// Lifetime: the API must outlive it; connections end soon after `stop`.
#pragma once

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

    // Returns what went wrong; empty: it listens, and answers from `start` on. A unix socket left by a process that is
    // gone is replaced.
    std::string listen(const conf::AdminAddress& address);
    // Listens on a socket that an old process listened on, which it takes.
    std::string take_over(const conf::AdminAddress& address, int descriptor);

    // Answers whoever connects, now that there is something to tell.
    void start();

    int descriptor() const; // that it listens on; -1: none
    // Leaves the socket to a new process: listens no more, but takes nothing away.
    void leave();
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace weir::proxy::admin
