// Watching what runs for a while after a change: does it get worse?
//
// Thread: the control thread.
// Lifetime: what runs must outlive it.
#pragma once

#include "proxy/judgement.h"
#include "proxy/running.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace weir::proxy {

Picture take_picture(const Running& running);

// How many requests failed lately, so that a change is not blamed for what failed before it.
class TrafficHistory {
public:
    static constexpr std::chrono::seconds step{1};
    static constexpr std::size_t length = 30; // steps

    void add(Picture picture);
    ErrorRates rates() const;

private:
    std::optional<Picture> last_;
    std::deque<PoolTries> steps_;
};

class WatchWindow {
public:
    WatchWindow(boost::asio::io_context& control, const Running& running) : timer_(control), running_(running) {}

    // What a change will be compared with: before it is made, and again once it is.
    void begin(ErrorRates lately);
    void changed() { before_.counters = take_picture(running_); }

    // Looks until the window is over, or `interrupted`. Returns what has become worse.
    boost::asio::awaitable<std::optional<std::string>> watch(conf::Rollback rules, std::function<bool()> interrupted);

    // How much of the window is left, while it is watched.
    std::optional<std::chrono::milliseconds> left() const;

private:
    boost::asio::steady_timer timer_;
    const Running& running_;
    Before before_;
    std::optional<std::chrono::steady_clock::time_point> end_;
};

} // namespace weir::proxy
