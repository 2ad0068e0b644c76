// Obtains a connection to a backend for a client: an idle one that was kept, or a new one.
//
// Thread: one worker's thread.
// Lifetime: a connector must outlive its tasks, and the client must outlive the connector.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/backend_link.h"
#include "proxy/worker/client.h"

namespace weir::proxy {

// What a connection is for. A stream of an HTTP/2 connection serves any request.
enum class ConnectionUse {
    any_request, // it may have carried requests before
    request,     // it must be new
    upgrade,     // it must be new, and may switch to another protocol
    tunnel,      // it must be new, and ends with its tunnel
};

// What to do if this machine is short of a resource.
enum class OnShortage {
    wait,    // close the idle connections of all pools, and wait until others free it
    give_up, // fail at once, since the connection is worth less than those
};

// How to speak to a backend. It points into the pool's settings, and to the client's address.
struct ConnectionSettings {
    const std::shared_ptr<const tls::ClientContext>& tls; // null: plain
    const std::string& host;                              // the backend's name, unless the TLS settings have one
    conf::ProxyProtocol proxy_protocol;                   // sent before the handshake
    const conf::Address& client;                          // for the PROXY header
    conf::BackendProtocol protocol;                       // of requests
    conf::Duration idle_timeout;                          // of an HTTP/2 connection without requests
};

// Returns the settings of connections to a member of a pool on behalf of a client with the address `client`.
inline ConnectionSettings settings_for(const PoolSpec& pool, std::size_t member, const conf::Address& client) {
    const auto& config = pool.config;
    return {pool.tls, pool.members[member].host, config.send_proxy_protocol,
            client,   config.protocol,           config.keepalive.idle_timeout};
}

struct Connected {
    BackendConnectionPtr connection;           // null if there is none
    Failure failure{};                         // the reason if there is no connection
    std::optional<LoopClock::duration> took{}; // time to establish a new connection; unset for an idle one
};

class BackendConnector {
public:
    // `timeout` limits how long a backend may take to accept the connection and to complete a TLS handshake, and how
    // long to wait for resources before that.
    BackendConnector(Client& client, conf::Duration timeout, ConnectionUse use, ConnectionSettings settings,
                     OnShortage on_shortage = OnShortage::wait)
        : client_(client), timeout_(timeout), use_(use), on_shortage_(on_shortage), settings_(settings) {}

    // Returns an idle connection, or a stream of one that has room, which wakes the client from now on. Returns null if
    // there is none, or if a new connection is needed.
    BackendConnectionPtr acquire(BackendLink& link) const;

    // With HTTP/2: returns a stream, of a connection that another request may be making. Otherwise connects to the
    // backend, with TLS if the pool has it: then, the PROXY header has been sent, too. If this machine is short of a
    // resource, waits until other connections free it, and takes an idle connection that becomes free in the meantime,
    // unless it is to give up.
    Task<Connected> connect(BackendLink& link) const;

private:
    // Which protocols a new connection offers.
    std::string_view alpn() const;
    bool may_share() const;
    bool waits_for_others(BackendLink& link) const;
    Task<Failure> wait_for_connection(SharedConnections& shared, TimePoint give_up) const;
    Task<Connected> connect_own(BackendLink& link) const;
    Failure share(BackendLink& link, Connected& made, TimePoint give_up) const;
    int begin(BackendConnection& connection) const;
    Task<Failure> connect_once(BackendConnection& connection) const;
    Failure start_tls(BackendConnection& connection) const;
    Task<Failure> shake_hands(BackendConnection& connection) const;
    Failure has_been_woken_to_end(const BackendConnection& connection, Failure late) const;
    Task<Failure> wait_for_resources() const;

    Client& client_;
    const conf::Duration timeout_;
    const ConnectionUse use_;
    const OnShortage on_shortage_;
    const ConnectionSettings settings_;
};

// Returns the failure of a client that left, or was aborted, while it waited for a backend. Its detail says whether
// this was before the response to an HTTP request began or before a TCP connection had a backend.
Failure client_left(const Client& client);

// Returns true if connecting failed for a reason for which it would fail with every other backend, too.
bool is_hopeless(FailureReason reason);

} // namespace weir::proxy
