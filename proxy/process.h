// A serving weir, from its first configuration to its end: signals, file watch, admin API and graceful stop.
//
// Thread: the control thread, which is the one that calls `run`.
// Lifetime: one a process.
#pragma once

#include "conf/load.h"
#include "conf/watch.h"
#include "proxy/admin/server.h"
#include "proxy/reloader.h"
#include "proxy/running.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace weir::proxy {

enum class ExitCode { done = 0, refused = 1, usage = 2, cut_off = 3 };

class Process {
public:
    // `loaded` is valid.
    Process(std::string path, conf::Loaded loaded);
    ~Process();

    ExitCode run();

private:
    boost::asio::awaitable<void> start();
    boost::asio::awaitable<void> handle_signals();
    boost::asio::awaitable<void> watch_files();
    boost::asio::awaitable<void> refresh_watch();
    boost::asio::awaitable<void> upgrade_binary();
    std::string open_admin(const Handover& handover, const std::string& secret);
    void begin_stop();
    void end(ExitCode code);
    boost::asio::awaitable<void> finish();

    boost::asio::io_context control_{1};
    std::string path_;
    conf::Loaded loaded_;
    ExitCode code_ = ExitCode::done;
    bool stopping_ = false, upgrading_ = false;
    bool reload_after_upgrade_ = false; // a HUP came meanwhile: it is for whoever serves then
    boost::asio::signal_set signals_;
    const conf::Process process_; // as far as the descriptors go
    boost::asio::steady_timer drain_timer_, refresh_timer_;
    conf::FileWatch watch_;
    boost::asio::posix::stream_descriptor watch_descriptor_;
    Running running_;
    Reloader reloader_;
    std::unique_ptr<admin::Api> api_;
    std::unique_ptr<admin::Server> admin_;
};

} // namespace weir::proxy
