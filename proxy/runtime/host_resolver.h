// Resolves the host names among the backend addresses: before a configuration is applied, and periodically while it is
// in force. If a look-up fails or returns nothing, the known addresses stay in use.
//
// Thread: the control thread. Look-ups run on threads of their own, so that a slow name server blocks nothing else.
// Lifetime: the io_context and the listener must outlive it; its coroutines end soon after `stop`.
#pragma once

#include "conf/base/config_error.h"
#include "proxy/runtime/address_listener.h"
#include "proxy/runtime/host_lookup.h"
#include "proxy/snapshot/snapshot_builder.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

// What to do if a name cannot be resolved: refuse the change, or start without its backends and retry.
enum class Unresolved { refused, retried };

class HostResolver {
public:
    // `resolve` looks up one name; it blocks, and is called on threads of its own.
    HostResolver(boost::asio::io_context& control, AddressListener& listener, LookUp resolve = look_up);
    ~HostResolver();
    HostResolver(const HostResolver&) = delete;
    HostResolver& operator=(const HostResolver&) = delete;

    // Looks up all names that are not known yet, concurrently, and waits at most `timeout`. For each name that cannot
    // be resolved, either returns a problem, or logs it, keeps the name without addresses and retries it soon after
    // `watch`.
    boost::asio::awaitable<std::vector<conf::Problem>>
    find(const conf::Config& config, Unresolved unresolved,
         std::chrono::milliseconds timeout = std::chrono::seconds(10));

    // Like `find`, but keeps no results and only reports the problems.
    boost::asio::awaitable<std::vector<conf::Problem>>
    try_to_find(const conf::Config& config, std::chrono::milliseconds timeout = std::chrono::seconds(10)) const;

    // Refreshes the names of these configurations from now on, and drops all others. Null pointers are skipped.
    void watch(std::initializer_list<const conf::Config*> configs);
    // Ends all refreshes. The results of look-ups in progress are dropped.
    void stop();

    // Returns the known addresses; a name that was never resolved has none.
    const AddressBook& addresses() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace weir::proxy
