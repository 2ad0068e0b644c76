// Represents this machine in its fleet: reports in heartbeats what the machine runs, records the outcome of its
// changes, and receives pushed configurations.
//
// With a local lock there is no fleet, and the agent does nothing. An unreachable server delays nothing else: pending
// reports are sent when the server is back.
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

    // Joins the fleet that these settings name, or leaves the current fleet if they name none. Sends a heartbeat at
    // once.
    void follow(const conf::Reload& settings);
    void send_heartbeat_soon(); // sends a heartbeat at once
    void stop(Presence presence);
    bool has_left() const; // true once everything that `stop` has started has ended

    bool is_reachable() const;                   // as of the last heartbeat
    const std::optional<Error>& problem() const; // of the last operation, if it failed
    std::uint64_t fence_alarms() const;          // how often the servers' fence was below this machine's
    // Return the time of the last heartbeat reply, and the lock holder in that reply, which is empty if the lock was
    // free.
    std::optional<std::chrono::system_clock::time_point> heard() const;
    const std::string& lock_holder() const;
    std::string name() const; // of this machine
    // Returns the servers of the fleet and whether they persist its records; empty if there is no fleet.
    std::vector<lock::RedisQuorum::Server> servers() const;
    std::uint64_t fence() const; // the highest fence in the last reply

    // Returns the newest pushed configuration that this machine knows of. `settle` records that its outcome on this
    // machine is known.
    const lock::FleetVersion& newest() const;
    void settle(const lock::FleetVersion& version);

    // Return the records and the configurations that the fleet shares; null if there is no fleet.
    std::shared_ptr<lock::FleetRecords> records() const;
    std::shared_ptr<lock::FleetConfigs> configs() const;

    // Returns the fleet's verdict on a configuration. The verdict is also empty if the servers do not answer.
    Awaitable<lock::FleetVerdict> verdict(std::string hash);
    // Returns how many machines may change to a configuration in parallel: one, until a machine has passed its canary
    // window with it.
    Awaitable<unsigned> parallel_slots(std::string hash);
    // Records the start of a change under a lease. Fails with `lost` if another machine has made a later change.
    Awaitable<Result<void>> begin(std::uint64_t fence, std::string hash, lock::ChangeKind kind);
    // Records the outcome of a change, and fills in its member and times. Fails with `lost` like `begin`. If the
    // servers are unreachable, the outcome is sent later.
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
