// This machine among the others of its fleet: tells them that it lives and what it runs, and records how its changes
// went.
//
// Where the lock is local there is no fleet, and nothing here does anything. A server that is gone holds up nobody:
// what could not be told is told when it is back.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it; what it started ends soon after `stop`.
#pragma once

#include "conf/config.h"
#include "lock/fleet_records.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace weir::proxy {

class Fleet {
public:
    template <class T> using Awaitable = boost::asio::awaitable<T>;
    // What this machine runs now; its name is filled in.
    using Facts = std::function<lock::FleetMember()>;

    // `floor`: the highest fence that this machine has on disk.
    Fleet(boost::asio::io_context& control, Facts facts, std::function<std::uint64_t()> floor);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    // From now on, in this fleet. Tells the others at once.
    void follow(const conf::LockSettings& settings);
    void stop();

    bool is_on() const;
    bool is_reachable() const; // as of the last time that something was told
    const std::string& problem() const;
    std::uint64_t fence_alarms() const; // how often the servers' fence was found below this machine's

    // Unset also where nobody can tell.
    Awaitable<std::optional<lock::FleetBad>> find_bad(std::string hash);
    // Before a change is applied under a lease. `lost`: a later one has been made.
    Awaitable<boost::system::error_code> begin(std::uint64_t fence, std::string hash);
    // How it ended. `lost` as above; a server that is gone is told later.
    Awaitable<boost::system::error_code> finish(lock::FleetChange change);

    Awaitable<lock::Result<lock::FleetView>> view();
    Awaitable<lock::Result<std::uint64_t>> forgive(std::string hash);
    Awaitable<lock::Result<std::uint64_t>> break_lock(std::string why);

private:
    struct State;
    static Awaitable<void> live(std::shared_ptr<State> state, std::uint64_t round);
    static Awaitable<void> tell(State& state);

    std::shared_ptr<State> state_;
};

// What the fleet knows against a configuration, before weir starts with it. Waits for an answer, for a second or two at
// most; where there is none, `problem` says why.
std::optional<lock::FleetBad> ask_fleet(const conf::LockSettings& settings, const std::string& hash,
                                        std::string& problem);

} // namespace weir::proxy
