// The end of a process: connections drain within process.drain_timeout, a reload releases its lock, and the control
// thread's event loop stops. The first end determines the exit code.
//
// Thread: the control thread.
// Lifetime: everything that the constructor takes must outlive it.
#pragma once

#include "base/timer.h"
#include "proxy/process/admin_service.h"
#include "proxy/process/exit_code.h"
#include "proxy/process/successor.h"
#include "proxy/reload/reloader.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <set>

namespace weir::proxy {

class Shutdown {
public:
    Shutdown(boost::asio::io_context& control, Runtime& runtime, Reloader& reloader, AdminService& admin,
             Successor& successor)
        : control_(control), runtime_(runtime), reloader_(reloader), admin_(admin), successor_(successor),
          drain_timer_(control) {}

    // Stops accepting, and ends the process when the last connection has ended or the drain timeout has passed. Leaves
    // the connections in the accept queues of `kept_by_another` to the new process, which shares these sockets.
    void begin(const std::set<int>& kept_by_another = {});
    bool has_begun() const { return phase_ != Phase::serving; }
    // Ends the process as soon as a reload in progress has released its lock, but after 2 s at the latest.
    void end(ExitCode code);

    ExitCode code() const { return code_; }

private:
    enum class Phase { serving, draining, ended };

    void cut_off(conf::Duration limit);
    boost::asio::awaitable<void> finish();

    boost::asio::io_context& control_;
    Runtime& runtime_;
    Reloader& reloader_;
    AdminService& admin_;
    Successor& successor_;
    Timer drain_timer_;
    Phase phase_ = Phase::serving;
    ExitCode code_ = ExitCode::done;
};

} // namespace weir::proxy
