// The requests for a reload. Requests that arrive during a reload are joined into one, which begins after it.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that wait for it.
#pragma once

#include "base/event.h"
#include "proxy/reload/force.h"
#include "proxy/reload/reload_trigger.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>

namespace weir::proxy {

struct ReloadRequest {
    enum class Kind {
        reload,     // reloads in any case
        if_changed, // reloads only if the files differ from what was read last
        retry,      // tries a refused configuration again
    };
    Kind kind = Kind::reload;
    ReloadTrigger trigger = ReloadTrigger::none;
    Force force = Force::no;
};

class ReloadRequests {
public:
    explicit ReloadRequests(boost::asio::io_context& control) : arrived_(control), finished_(control) {}

    // Adds a request. Returns its number, for `wait_until_finished`.
    std::uint64_t add(const ReloadRequest& request);
    // Waits for a request, and begins it, joined with all others that have arrived.
    boost::asio::awaitable<ReloadRequest> next();
    // Marks the request that was begun last as finished.
    void finish();
    boost::asio::awaitable<void> wait_until_finished(std::uint64_t number);

    // Holds requests back until `resume`.
    void hold() { held_ = true; }
    void resume();

    bool is_in_progress() const { return begun_ != finished_up_to_; }
    std::uint64_t in_progress() const { return begun_; } // the number of the request that was begun last
    std::uint64_t newest() const { return asked_; }
    // Return whether there are requests that have not begun yet, and whether any of these is forced.
    bool has_waiting() const { return asked_ != begun_; }
    Force waiting_force() const { return joined_.force; }

private:
    Event arrived_, finished_;
    ReloadRequest joined_; // the requests that have not begun yet
    std::uint64_t asked_ = 0, begun_ = 0, finished_up_to_ = 0;
    bool held_ = false;
};

} // namespace weir::proxy
