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
        client_.stream.count_bytes(client_.counters().bytes_in, client_.counters().bytes_out);
        return client_.stream.open(client_.context.loop, std::move(connection), client_.fiber);
    }
    void abort() override;

protected:
    // Does what comes before the client's protocol: receives the PROXY header and completes the TLS handshake, if the
    // listener requires them. Bytes after a PROXY header stay in the client's buffer, or begin the TLS handshake.
    // Returns false if no legal header arrives from a trusted peer in time, or if the handshake does not succeed in
    // time.
    Task<bool> begin();

    // Returns the reason for which begin() failed. It is empty if weir aborted the connection, if the client closed it
    // before it sent anything, or if the client sent no byte of a TLS handshake.
    const Failure& begin_failure() const { return failure_; }
    // Returns true once the client's address is known: the PROXY header has been accepted, or none is required.
    bool is_source_known() const { return source_known_; }
    // Gives a client that has just connected less time once weir or the listener is draining.
    void hurry();

    Client client_;

private:
    Task<bool> receive_proxy_header();
    Task<bool> read_proxy_header();
    Task<bool> wait_for_hello();
    Task<bool> start_tls(const tls::ServerContext& context);
    std::size_t max_handshakes() const;
    Task<bool> shake_hands();
    bool identify(const tls::ServerContext& context);

    Failure failure_;
    bool source_known_ = false;
    bool hurried_ = false; // weir or the listener is draining: the client has been given less time
};

} // namespace weir::proxy
