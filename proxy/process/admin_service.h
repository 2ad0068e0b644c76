// The admin API of a process, and its server. If the configuration has no admin.address, there is neither, and every
// function does nothing.
//
// Thread: the control thread.
// Lifetime: the io_context, the runtime and the reloader must outlive it.
#pragma once

#include "base/result.h"
#include "conf/read/token_file.h"
#include "proxy/admin/server.h"
#include "proxy/runtime/hot_restart_state.h"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace weir::proxy {

class AdminService {
public:
    AdminService(boost::asio::io_context& control, Runtime& runtime, Reloader& reloader)
        : control_(control), runtime_(runtime), reloader_(reloader) {}

    // Listens on the configured address, or takes over the old process's socket if it is bound to it. Any other
    // inherited socket is closed. Connections are accepted only after `start`.
    Result<void> open(const conf::Admin& admin, AdminSocket inherited, conf::AdminTokens tokens);
    void start();
    // Stops listening and removes the unix socket.
    void stop();

    // Returns the listening socket for a new process. Fails if it cannot be duplicated.
    Result<AdminSocket> hand_over() const;
    // Leaves the address to the new process.
    void leave();

    // During a hot restart, changes of backends are refused, because they could be lost.
    void begin_upgrade() { set_upgrading(true); }
    void end_upgrade() { set_upgrading(false); }
    // Makes the admin API report from now on that weir is draining.
    void set_draining();

private:
    void set_upgrading(bool upgrading);

    boost::asio::io_context& control_;
    Runtime& runtime_;
    Reloader& reloader_;
    std::unique_ptr<admin::Api> api_;
    std::unique_ptr<admin::Server> server_;
};

} // namespace weir::proxy
