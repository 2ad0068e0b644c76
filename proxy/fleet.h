// This machine among the others of its fleet: tells them that it lives and what it runs, records how its changes went,
// and hears of configurations that are given to all.
//
// Where the lock is local there is no fleet, and nothing here does anything. A server that is gone holds up nobody:
// what could not be told is told when it is back.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it; what it started ends soon after `stop`.
#pragma once

#include "conf/config.h"
#include "lock/fleet_configs.h"
#include "lock/fleet_records.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace weir::proxy {

// Whether this machine leaves its fleet, or another process of it goes on under its name.
enum class Presence { ends, goes_on };

class Fleet {
public:
    template <class T> using Awaitable = boost::asio::awaitable<T>;

    struct About {
        std::function<lock::FleetMember()> facts;        // what this machine runs now; its name is filled in
        std::function<Awaitable<std::uint64_t>()> floor; // the highest fence that this machine has on disk
        // The newest configuration that it has seen given to a fleet.
        std::function<lock::FleetVersion(const std::string& fleet)> known;
        std::function<void()> on_version; // called again and again while one was given that is not settled here
    };

    Fleet(boost::asio::io_context& control, About about);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    // From now on, in this fleet. Tells the others at once.
    void follow(const conf::Reload& settings);
    void tell_soon(); // there is news
    void stop(Presence presence);
    bool has_left() const; // nothing that `stop` began is under way

    bool is_reachable() const; // as of the last time that something was told
    const std::string& problem() const;
    std::uint64_t fence_alarms() const; // how often the servers' fence was found below this machine's
    std::string name() const;           // this machine's
    std::uint64_t fence() const;        // the highest that the servers had when they were asked last

    // The newest configuration that was given to the fleet, as far as this machine has heard; `settle`: what became of
    // it here is known.
    const lock::FleetVersion& newest() const;
    void settle(const lock::FleetVersion& version);

    // What it shares with the others; null where there is no fleet.
    std::shared_ptr<lock::FleetRecords> records() const;
    std::shared_ptr<lock::FleetConfigs> configs() const;

    // An empty one also where nobody can tell.
    Awaitable<lock::FleetOpinion> opinion(std::string hash);
    // How many machines may change to it side by side: one, until the first has stood its window.
    Awaitable<unsigned> places(std::string hash);
    // Before a change is applied under a lease. `lost`: a later one has been made.
    Awaitable<boost::system::error_code> begin(std::uint64_t fence, std::string hash, lock::Going going);
    // How it ended; who, when and how long it took is filled in. `lost` as above; a server that is gone is told later.
    Awaitable<boost::system::error_code> finish(lock::FleetChange change);

private:
    struct State;
    static Awaitable<void> live(std::shared_ptr<State> state, std::uint64_t round);
    static Awaitable<void> learn_floor(std::shared_ptr<State> state);
    static Awaitable<void> tell(State& state);
    static Awaitable<void> leave(std::shared_ptr<State> state);
    static void take_news(State& state, const lock::FleetNews& news, std::uint64_t floor);

    std::shared_ptr<State> state_;
};

} // namespace weir::proxy
