// Obtains a connection to a backend for a client: an idle one that was kept, or a new one.
//
// Thread: one worker's thread.
// Lifetime: a connector must outlive its tasks, and the client must outlive the connector.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/backend_link.h"
#include "proxy/worker/client.h"

namespace weir::proxy {

// What a connection is for.
enum class ConnectionUse {
    any_request, // it may have carried requests before
    request,     // it must be new
    tunnel,      // it must be new, and ends with its tunnel
};

struct Connected {
    BackendConnectionPtr connection;           // null if there is none
    Failure failure{};                         // then: why
    std::optional<LoopClock::duration> took{}; // how long a new connection took
};

class BackendConnector {
public:
    // `timeout` limits how long a backend may take to accept, and before that, how long to wait for resources.
    BackendConnector(Client& client, conf::Duration timeout, ConnectionUse use)
        : client_(client), timeout_(timeout), use_(use) {}

    // Returns an idle connection, which wakes the client from now on; null if there is none or a new one is needed.
    BackendConnectionPtr acquire(BackendLink& link) const {
        if (use_ != ConnectionUse::any_request) return nullptr;
        auto connection = link.acquire();
        if (connection) connection->socket.set_waker(client_.fiber);
        return connection;
    }

    // Connects to the backend. If this machine is short of a resource, waits until other connections free it, and takes
    // an idle connection that becomes free in the meantime.
    Task<Connected> connect(BackendLink& link) const;

private:
    int begin(BackendConnection& connection) const;
    Task<Failure> connect_once(BackendConnection& connection) const;
    Task<Failure> wait_for_resources() const;

    Client& client_;
    const conf::Duration timeout_;
    const ConnectionUse use_;
};

// Returns why a client that does not wait for a backend any more has left: before the response to an HTTP request
// began, or before a backend was connected.
Failure client_left(const Client& client);

// Returns true if a connect failed for a reason that other backends would fail for, too.
bool is_hopeless(FailureReason reason);

} // namespace weir::proxy
