// A serving weir, from its first configuration to its end: signals, file watch, admin API and graceful stop.
//
// Thread: the control thread, which is the one that calls `run`.
// Lifetime: one a process.
#pragma once

#include "conf/load.h"
#include "proxy/admin/server.h"
#include "proxy/config_watch.h"
#include "proxy/reloader.h"
#include "proxy/running.h"
#include "proxy/upgrade.h"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <set>
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
    void files_may_have_changed();
    boost::asio::awaitable<void> upgrade_binary();
    boost::asio::awaitable<std::string> start_successor();
    boost::asio::awaitable<void> succeed(HandoverChannel channel, std::vector<std::string> unused);
    void stop_signal();
    std::string open_admin(const conf::Admin& admin, Handover& handover, const std::string& secret);
    void begin_stop(const std::set<int>& kept_by_another = {});
    void end(ExitCode code);
    boost::asio::awaitable<void> finish();

    boost::asio::io_context control_{1};
    std::string path_;
    conf::Loaded loaded_;
    ExitCode code_ = ExitCode::done;
    bool stopping_ = false, told_to_stop_ = false, ended_ = false;
    std::unique_ptr<Upgrade> upgrade_; // under way
    boost::asio::signal_set signals_;
    const conf::Process process_; // as far as the descriptors go
    boost::asio::steady_timer drain_timer_;
    ConfigWatch watch_;
    Running running_;
    Changer changer_;
    Reloader reloader_;
    std::unique_ptr<admin::Api> api_;
    std::unique_ptr<admin::Server> admin_;
};

} // namespace weir::proxy
