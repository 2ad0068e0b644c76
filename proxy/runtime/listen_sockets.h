// The listening sockets of the process: for each address one socket per worker, sharing the port (SO_REUSEPORT).
// Sockets survive reloads, because closing one would reset the connections in its accept queue.
//
// Thread: the control thread.
// Lifetime: the workers close the sockets handed to them; this class closes the others.
#pragma once

#include "conf/model/address.h"

#include <map>
#include <string>
#include <vector>

namespace weir::proxy {

class ListenSockets {
public:
    explicit ListenSockets(std::size_t workers) : workers_(workers) {}

    // Sockets bound for a change that may still fail. They are closed unless committed.
    class Prepared {
    public:
        Prepared() = default;
        Prepared(Prepared&&) = default;
        Prepared& operator=(Prepared&&) = default;
        ~Prepared();
        struct Failure {
            conf::Address address;
            int error; // errno
        };
        std::vector<Failure> failures;

    private:
        friend class ListenSockets;
        std::vector<conf::Address> wanted_;
        std::map<conf::Address, std::vector<int>> bound_;
    };

    // Sets the sockets of the old process; `prepare` uses them before it binds new ones.
    void inherit(std::map<conf::Address, std::vector<int>> sockets) { inherited_ = std::move(sockets); }

    // Returns the addresses of inherited sockets that are not used yet.
    std::vector<conf::Address> unused() const;

    // Binds the missing sockets for `addresses`. Clients cannot connect to the new ones before `listen`.
    Prepared prepare(const std::vector<conf::Address>& addresses);
    // Starts listening on the new sockets. Adds failures to `prepared.failures`.
    static void listen(Prepared& prepared);
    // Takes over the new sockets and drops the addresses that are no longer used; the workers close those sockets.
    void commit(Prepared&& prepared);

    // Returns one worker's descriptors for a committed address: one, or more if the old process had more workers.
    std::vector<int> descriptors(const conf::Address& address, std::size_t worker) const;
    // Returns all committed sockets, keyed by address.
    const std::map<conf::Address, std::vector<int>>& all() const { return sockets_; }

private:
    bool shares_port(const conf::Address& address, const Prepared& prepared) const;
    int bind_for(const conf::Address& address, Prepared& prepared);
    std::vector<int> take_inherited(const conf::Address& address);

    std::size_t workers_;
    std::map<conf::Address, std::vector<int>> sockets_, inherited_;
};

} // namespace weir::proxy
