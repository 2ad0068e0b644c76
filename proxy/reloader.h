// Reloads, one at a time: takes the triggers, has each carried out (changer.h), counts and reports how it ended.
//
// Triggers that come while one runs are joined into one more.
//
// Thread: the control thread.
// Lifetime: what runs must outlive it.
#pragma once

#include "proxy/changer.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

struct ReloadCounts {
    std::uint64_t applied = 0, unchanged = 0, refused = 0, rolled_back = 0, stuck = 0, lock_failures = 0;
};

class Reloader {
public:
    Reloader(boost::asio::io_context& control, Changer& changer);

    // The first configuration. Returns what is wrong with it; empty: weir serves.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    // Asks for a reload; returns at once.
    void request(std::string trigger, Insist insist = Insist::no);
    // Asks for one and waits for its end.
    boost::asio::awaitable<ReloadReport> request_and_wait(std::string trigger, Insist insist = Insist::no);
    // Asks for one only if the files are not what was read last.
    void request_if_changed(std::string trigger);
    // Whatever is asked for waits until `resume`: a new process is being started, and is to find one configuration.
    void hold() { held_ = true; }
    void resume() { held_ = false, wanted_.cancel(); }
    // Weir is stopping: nothing is applied any more, and a lock that is held is given back.
    void close(Presence presence) {
        closed_ = true;
        again_.cancel();
        changer_.close(presence);
    }

    const ReloadReport& last() const { return last_; }
    const ReloadCounts& counts() const { return counts_; }
    const Changer& changer() const { return changer_; }
    Changer& changer() { return changer_; }
    bool in_progress() const { return running_now_; }
    std::uint64_t fence() const { return fence_; } // of the configuration in force
    std::chrono::system_clock::time_point loaded_at() const { return loaded_at_; }

private:
    boost::asio::awaitable<void> work();
    boost::asio::awaitable<void> answer();
    void finish(const ReloadReport& report);
    // What a watch has found, and what stood in its way only for now, is tried again by itself.
    void try_again_later(const ReloadReport& report);

    Changer& changer_;
    boost::asio::steady_timer wanted_, finished_, again_;
    std::chrono::milliseconds pause_; // before the next try
    std::string trigger_;
    std::uint64_t asked_ = 0, answered_ = 0;
    Insist insist_ = Insist::no;
    bool only_if_changed_ = true, running_now_ = false, held_ = false, closed_ = false;
    ReloadReport last_;
    ReloadCounts counts_;
    std::uint64_t fence_ = 0;
    std::chrono::system_clock::time_point loaded_at_;
};

} // namespace weir::proxy
