// The listening sockets of the process: for each address one socket per worker, sharing the port (SO_REUSEPORT).
// Sockets survive reloads, because closing one would reset the connections in its accept queue.
//
// Thread: the control thread.
// Lifetime: the workers own the committed sockets as well (listen_socket.h); `release` leaves them to the workers.
#pragma once

#include "base/result.h"
#include "proxy/runtime/listen_socket.h"

#include <vector>

namespace weir::proxy {

class ListenSockets {
public:
    explicit ListenSockets(std::size_t workers) : workers_(workers) {}

    // Sockets bound for a change that may still fail. They are closed unless committed.
    class Prepared {
    public:
        struct Failure {
            conf::Address address;
            Error error;
        };
        std::vector<Failure> failures;

    private:
        friend class ListenSockets;
        std::vector<conf::Address> wanted_;
        ListenSocketMap bound_;
    };

    // Sets the sockets of the old process; `prepare` uses them before it binds new ones.
    void inherit(ListenSocketMap sockets) { inherited_ = std::move(sockets); }

    // Returns the addresses of inherited sockets that are not used yet.
    std::vector<conf::Address> unused() const;

    // Binds the missing sockets for `addresses`. Clients cannot connect to the new ones before `listen`.
    Prepared prepare(const std::vector<conf::Address>& addresses);
    // Starts listening on the new sockets. Adds failures to `prepared.failures`.
    static void listen(Prepared& prepared);
    // Takes over the new sockets and drops the addresses that are no longer used; their workers drain them first.
    void commit(Prepared&& prepared);
    // Drops all sockets, so that they close as soon as the workers stop accepting.
    void release() { sockets_.clear(); }

    // Returns one worker's sockets for a committed address: one, or more if the old process had more workers.
    std::vector<ListenSocket> of_worker(const conf::Address& address, std::size_t worker) const;
    // Returns all committed sockets.
    const ListenSocketMap& all() const { return sockets_; }

private:
    bool shares_port(const conf::Address& address, const Prepared& prepared) const;
    Result<void> bind_for(const conf::Address& address, Prepared& prepared);
    std::vector<ListenSocket> take_inherited(const conf::Address& address);

    std::size_t workers_;
    ListenSocketMap sockets_, inherited_;
};

} // namespace weir::proxy
