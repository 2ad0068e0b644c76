// What every client connection is, whatever it speaks: counted, in its worker's list, ended by closing.
//
// Thread: one worker's thread.
// Lifetime: a session owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/client_side.h"

namespace weir::proxy {

class ClientSession : public ClientConnection {
public:
    ClientSession(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);
    ~ClientSession() override;

    // Takes the accepted descriptor; false where the loop can't.
    bool open(int fd) { return client_.socket.open(client_.context.loop, fd, client_.fiber); }
    void abort() override;

protected:
    ClientSide client_;
};

} // namespace weir::proxy
