// A serving weir process from its first configuration to its end: signals, file watch, admin API and graceful stop.
//
// Thread: the control thread, which is the thread that calls `run`.
// Lifetime: one per process.
#pragma once

#include "base/result.h"
#include "base/timer.h"
#include "conf/read/load.h"
#include "conf/read/token_file.h"
#include "proxy/admin/server.h"
#include "proxy/process/exit_code.h"
#include "proxy/process/watchdog.h"
#include "proxy/reload/config_watch.h"
#include "proxy/reload/reloader.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upgrade/hot_restart_channel.h"
#include "proxy/upgrade/upgrade.h"

#include <boost/asio/signal_set.hpp>

#include <memory>
#include <set>
#include <string>

namespace weir::proxy {

class Process final : private ConfigWatchListener {
public:
    // `loaded` must be valid.
    Process(std::string path, conf::Loaded loaded);
    ~Process();

    // Serves until a signal, an upgrade or a failed start ends the process, and returns its exit code. Called once.
    ExitCode run();

private:
    boost::asio::awaitable<void> start();
    boost::asio::awaitable<void> handle_signals();
    void on_files_changed() override;
    boost::asio::awaitable<void> upgrade_binary();
    boost::asio::awaitable<Result<void>> hand_over();
    boost::asio::awaitable<Result<void>> start_successor();
    void end_upgrade(const Result<void>& result);
    boost::asio::awaitable<void> succeed(HotRestartChannel channel, std::vector<std::string> unused);
    void stop_signal();
    Result<HotRestartState> receive_state(HotRestartChannel& channel);
    Result<void> open_admin(const conf::Admin& admin, AdminSocket inherited, conf::AdminTokens tokens);
    void begin_stop(const std::set<int>& kept_by_another = {});
    void cut_off(conf::Duration limit);
    void end(ExitCode code);
    boost::asio::awaitable<void> finish();

    boost::asio::io_context control_{1};
    std::string path_;
    conf::Loaded loaded_;
    ExitCode code_ = ExitCode::done;
    bool stopping_ = false, told_to_stop_ = false, ended_ = false;
    std::unique_ptr<Upgrade> upgrade_; // in progress
    boost::asio::signal_set signals_;
    const conf::Process process_; // limited by the descriptors available
    weir::Timer drain_timer_;
    ConfigWatch watch_;
    Runtime runtime_;
    ReloadParts reload_;
    Reloader reloader_;
    Watchdog watchdog_;
    std::unique_ptr<admin::Api> api_;
    std::unique_ptr<admin::Server> admin_;
};

} // namespace weir::proxy
