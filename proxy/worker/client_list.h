// The client connections of one worker, so that the worker can count, drain and abort them.
//
// Thread: one worker's thread.
// Lifetime: a connection is in the list from its construction to its destruction; the list must outlive it.
#pragma once

#include "proxy/snapshot/traffic_path.h"
#include "proxy/worker/open_work.h"
#include "proxy/worker/worker_events.h"

#include <cstddef>

namespace weir::proxy {

// A client's connection, as its worker sees it.
class ClientConnection {
public:
    virtual ~ClientConnection() = default;
    // Closes the connection as soon as this loses no data.
    virtual void drain() = 0;
    // Closes the connection now.
    virtual void abort() = 0;
    // Ends what came through this traffic path now.
    virtual void cut(const TrafficPath& path) = 0;
    // Adds what runs on the connection.
    virtual void add_work(OpenWork& work) const = 0;

private:
    friend class ClientList;
    ClientConnection *previous_ = nullptr, *next_ = nullptr;
};

class ClientList {
public:
    explicit ClientList(WorkerEvents& events) : events_(events) {}
    ClientList(const ClientList&) = delete;
    ClientList& operator=(const ClientList&) = delete;

    void add(ClientConnection& connection);
    void remove(ClientConnection& connection); // and reports this to the worker
    std::size_t size() const { return size_; }

    // Calls `visit` with each connection. It may end that connection, but no other one.
    template <class Visit> void for_each(Visit visit) const {
        for (auto* connection = first_; connection;) {
            auto* next = connection->next_;
            visit(*connection);
            connection = next;
        }
    }

private:
    WorkerEvents& events_;
    ClientConnection* first_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace weir::proxy
