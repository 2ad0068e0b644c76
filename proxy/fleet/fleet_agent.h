// Represents this machine in its fleet: sends heartbeats with what it runs, records the outcome of its changes, and
// receives pushed configurations.
//
// With a local lock there is no fleet, and the agent does nothing. An unreachable server delays nothing else: pending
// reports are sent when it is back.
//
// Thread: the control thread.
// Lifetime: the io_context and the LocalMember must outlive it; its coroutines end soon after `stop`.
#pragma once

#include "conf/model/config.h"
#include "lock/fleet/fleet_configs.h"
#include "lock/fleet/fleet_records.h"
#include "proxy/fleet/local_member.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

// Whether this machine leaves its fleet, or another process continues under its name.
enum class Presence { ends, goes_on };

class FleetAgent {
public:
    template <class T> using Awaitable = boost::asio::awaitable<T>;

    FleetAgent(boost::asio::io_context& control, LocalMember& self);
    ~FleetAgent();
    FleetAgent(const FleetAgent&) = delete;
    FleetAgent& operator=(const FleetAgent&) = delete;

    // Joins the fleet of these settings, or leaves the fleet if they have none. Sends a heartbeat at once.
    void follow(const conf::Reload& settings);
    void send_heartbeat_soon(); // sends a heartbeat at once
    void stop(Presence presence);
    bool has_left() const; // whether everything that `stop` started has ended

    bool is_reachable() const;                   // as of the last heartbeat
    const std::optional<Error>& problem() const; // of the last operation, if it failed
    std::uint64_t fence_alarms() const;          // how often the servers' fence was below this machine's
    // The time of the last heartbeat reply, and the lock holder in that reply; empty if the lock was free.
    std::optional<std::chrono::system_clock::time_point> heard() const;
    const std::string& lock_holder() const;
    std::string name() const; // of this machine
    // Returns the servers of the fleet and whether they persist its records; empty if there is no fleet.
    std::vector<lock::RedisQuorum::Server> servers() const;
    std::uint64_t fence() const; // the highest fence in the last reply

    // The newest pushed configuration that this machine knows of. `settle` records that its outcome here is known.
    const lock::FleetVersion& newest() const;
    void settle(const lock::FleetVersion& version);

    // The records and configurations that the fleet shares; null if there is no fleet.
    std::shared_ptr<lock::FleetRecords> records() const;
    std::shared_ptr<lock::FleetConfigs> configs() const;

    // Returns the fleet's verdict on a configuration; an empty one also if the servers do not answer.
    Awaitable<lock::FleetVerdict> verdict(std::string hash);
    // How many machines may change to it in parallel: one, until one machine has passed its canary window.
    Awaitable<unsigned> parallel_slots(std::string hash);
    // Records the start of a change under a lease. Fails with `lost` if another machine has made a later change.
    Awaitable<Result<void>> begin(std::uint64_t fence, std::string hash, lock::ChangeKind kind);
    // Records the outcome; fills in member and times. Fails with `lost` like `begin`; an unreachable server gets it
    // later.
    Awaitable<Result<void>> finish(lock::FleetChange change);

private:
    struct State;
    static Awaitable<void> live(std::shared_ptr<State> state, std::uint64_t round);
    static Awaitable<void> learn_watermark(std::shared_ptr<State> state);
    static Awaitable<void> send_heartbeat(State& state);
    static Awaitable<void> leave(std::shared_ptr<State> state);
    static Awaitable<void> look_for_drift(State& state, std::size_t texts);
    static void take_version(State& state, const lock::FleetVersion& newest);

    std::shared_ptr<State> state_;
};

} // namespace weir::proxy
