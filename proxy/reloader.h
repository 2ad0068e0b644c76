// Reloads: one at a time, each under the lock, all or nothing.
//
//   trigger ─→ load ─→ plan ─→ acquire the lock ─→ load again ─→ apply ─→ release
//                │ errors, or a restart is needed: refused, nothing is touched
//
// Triggers that come while one runs are joined into one more.
//
// Thread: the control thread; files are read on a thread of its own.
// Lifetime: what runs must outlive it.
#pragma once

#include "conf/load.h"
#include "lock/acquire.h"
#include "proxy/reload_report.h"
#include "proxy/running.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <random>
#include <string>

namespace weir::proxy {

struct ReloadCounts {
    std::uint64_t applied = 0, unchanged = 0, refused = 0, lock_failures = 0;
};

class Reloader {
public:
    // `on_files` is told what to watch after each configuration that was read.
    Reloader(boost::asio::io_context& control, Running& running, std::string path,
             std::function<void(const std::vector<std::string>&)> on_files);

    // The first configuration: it needs no lock. Returns what is wrong with it; empty: weir serves.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Asks for a reload; returns at once.
    void request(std::string trigger);
    // Asks for one and waits for its end.
    boost::asio::awaitable<ReloadReport> request_and_wait(std::string trigger);
    // Asks for one only if the files are not what was read last.
    void request_if_changed(std::string trigger);
    // Whatever is asked for waits until `resume`: a new process is being started, and is to find one configuration.
    void hold() { held_ = true; }
    void resume() { held_ = false, wanted_.cancel(); }
    // Weir is stopping: nothing is applied any more, and a lock that is held is given back.
    void close();

    const ReloadReport& last() const { return last_; }
    const ReloadCounts& counts() const { return counts_; }
    bool holds_lock() const { return holds_lock_; }
    bool in_progress() const { return running_now_; }
    std::uint64_t fence() const { return fence_; } // of the configuration in force
    std::chrono::system_clock::time_point loaded_at() const { return loaded_at_; }
    const std::string& path() const { return path_; }

private:
    boost::asio::awaitable<void> work();
    boost::asio::awaitable<void> answer(bool quietly);
    boost::asio::awaitable<ReloadReport> reload_once(conf::Loaded first);
    boost::asio::awaitable<void> reload_locked(ReloadReport& report, const lock::Keeper* keeper);
    boost::asio::awaitable<conf::Loaded> load();
    std::unique_ptr<lock::Lock> make_lock() const;
    bool refuse_early(const conf::Loaded& loaded, ReloadReport& report);
    void finish(const ReloadReport& report);

    boost::asio::io_context& control_;
    Running& now_;
    const std::string path_;
    std::function<void(const std::vector<std::string>&)> on_files_;
    boost::asio::thread_pool disk_{1};
    boost::asio::steady_timer wanted_, finished_;
    std::string trigger_, seen_hash_;
    std::uint64_t asked_ = 0, answered_ = 0;
    bool only_if_changed_ = true, running_now_ = false, closed_ = false, holds_lock_ = false, held_ = false;
    ReloadReport last_;
    ReloadCounts counts_;
    std::uint64_t fence_ = 0;
    std::chrono::system_clock::time_point loaded_at_;
    std::mt19937 random_{std::random_device{}()};
};

} // namespace weir::proxy
