// The listening sockets of the process: for each address one for each worker, sharing the port (SO_REUSEPORT). They
// outlive reloads: closing one would reset whoever waits in its queue.
//
// Thread: the control thread.
// Lifetime: sockets handed to the workers are closed by them; the rest is closed here.
#pragma once

#include "conf/address.h"

#include <map>
#include <string>
#include <vector>

namespace weir::proxy {

class ListenSockets {
public:
    explicit ListenSockets(std::size_t workers) : workers_(workers) {}

    // Sockets bound for a change that may yet be given up: closed again unless committed.
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

    // Sockets of an old process, as if bound here: what `prepare` wants of them it takes first.
    void inherit(std::map<conf::Address, std::vector<int>> sockets) { inherited_ = std::move(sockets); }

    // Of those, the addresses that nobody has wanted yet.
    std::vector<conf::Address> unused() const;

    // Binds what `addresses` need beyond what there is. Nobody can connect yet to what is new.
    Prepared prepare(const std::vector<conf::Address>& addresses);
    // From here on clients can connect. Failures are added to those of `prepared`.
    static void listen(Prepared& prepared);
    // Takes them over, and forgets the addresses that are not wanted any more: the workers close those.
    void commit(Prepared&& prepared);

    // The descriptors of one worker for an address that was committed: one, or more where an old process had more
    // workers.
    std::vector<int> descriptors(const conf::Address& address, std::size_t worker) const;
    // All of them.
    const std::map<conf::Address, std::vector<int>>& all() const { return sockets_; }

private:
    bool shares_port(const conf::Address& address, const Prepared& prepared) const;
    int bind_for(const conf::Address& address, Prepared& prepared);
    std::vector<int> take_inherited(const conf::Address& address);

    std::size_t workers_;
    std::map<conf::Address, std::vector<int>> sockets_, inherited_;
};

} // namespace weir::proxy
