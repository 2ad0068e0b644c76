// What every client connection is, whatever it speaks: counted, in its worker's list, ended by closing.
//
// Thread: one worker's thread.
// Lifetime: a session owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/client_side.h"
#include "proxy/io/task.h"

namespace weir::proxy {

// How long whoever has just connected may take to say something, once weir or the listener is about to go.
inline constexpr conf::Duration newcomer_time = std::chrono::seconds(1);

class ClientSession : public ClientConnection {
public:
    ClientSession(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);
    ~ClientSession() override;

    // Takes the accepted descriptor; false where the loop can't.
    bool open(int fd) { return client_.socket.open(client_.context.loop, fd, client_.fiber); }
    void abort() override;

protected:
    // Where the listener wants one, reads the PROXY header that the connection begins with; what follows it stays in
    // the client's buffer. False: there is none, an illegal one, one of somebody who is not trusted, or none in time.
    Task<bool> receive_proxy_header();

    ClientSide client_;

private:
    Task<bool> read_proxy_header();
};

} // namespace weir::proxy
