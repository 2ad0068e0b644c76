// The base of all client connections, whatever the protocol: counted, in its worker's list, and closed at its end.
//
// Thread: one worker's thread.
// Lifetime: a session owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/client.h"

namespace weir::proxy {

// How long a client that has just connected may take to send something once weir or the listener is draining.
inline constexpr conf::Duration newcomer_time = std::chrono::seconds(1);

class ClientSession : public ClientConnection {
public:
    ClientSession(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);
    ~ClientSession() override;

    // Takes ownership of the accepted connection. If the event loop cannot watch it, closes it and returns false.
    bool open(UniqueFd connection) {
        client_.socket.count_bytes(client_.counters().bytes_in, client_.counters().bytes_out);
        return client_.socket.open(client_.context.loop, std::move(connection), client_.fiber);
    }
    void abort() override;

protected:
    // Reads the PROXY header at the start of the connection, if the listener expects one; the bytes behind it stay in
    // the client's buffer. Returns false if there is no legal header from a trusted peer in time.
    Task<bool> receive_proxy_header();

    // Returns why no PROXY header was received; empty if the client closed the connection before it sent anything, or
    // if weir aborted it.
    const Failure& proxy_failure() const { return proxy_failure_; }

    Client client_;

private:
    Task<bool> read_proxy_header();

    Failure proxy_failure_;
};

} // namespace weir::proxy
