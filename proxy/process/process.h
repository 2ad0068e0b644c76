// A serving weir process from its first configuration to its end: start, signals and file watch.
//
// Thread: the control thread, which is the thread that calls `run`.
// Lifetime: one per process.
#pragma once

#include "base/result.h"
#include "conf/read/load.h"
#include "proxy/process/admin_service.h"
#include "proxy/process/exit_code.h"
#include "proxy/process/shutdown.h"
#include "proxy/process/successor.h"
#include "proxy/process/watchdog.h"
#include "proxy/reload/config_watch.h"
#include "proxy/reload/reloader.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upgrade/hot_restart_channel.h"

#include <boost/asio/signal_set.hpp>

#include <set>
#include <string>
#include <vector>

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
    void refuse(const std::string& error);
    Result<HotRestartState> receive_state(HotRestartChannel& channel);
    void report_start() const;
    boost::asio::awaitable<void> succeed(HotRestartChannel channel, std::vector<std::string> unused);
    void on_files_changed() override;
    boost::asio::awaitable<void> handle_signals();
    boost::asio::awaitable<void> upgrade();
    void stop_signal();
    void begin_stop(const std::set<int>& kept_by_another = {});

    boost::asio::io_context control_{1};
    const std::string path_;
    conf::Loaded loaded_;
    boost::asio::signal_set signals_;
    const conf::Process process_; // limited by the descriptors available
    ConfigWatch watch_;
    Runtime runtime_;
    ReloadParts reload_;
    Reloader reloader_;
    Watchdog watchdog_;
    AdminService admin_;
    Successor successor_;
    Shutdown shutdown_;
    bool told_to_stop_ = false;
};

} // namespace weir::proxy
