// The idle connections of a BackendLink, ordered by their last use. Every operation takes constant time.
//
// Thread: one worker's thread.
// Lifetime: owns its connections.
#pragma once

#include <cstddef>
#include <memory>

namespace weir::proxy {

class BackendConnection;
using BackendConnectionPtr = std::unique_ptr<BackendConnection>;

class IdleConnections {
public:
    IdleConnections() = default;
    ~IdleConnections();
    IdleConnections(const IdleConnections&) = delete;
    IdleConnections& operator=(const IdleConnections&) = delete;

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    void push(BackendConnectionPtr connection); // as the newest
    BackendConnectionPtr take_newest();         // null if there is none; take_oldest() likewise
    BackendConnectionPtr take_oldest();
    // Removes and returns a connection, which must be in the list.
    BackendConnectionPtr take(BackendConnection& connection);

private:
    BackendConnection *newest_ = nullptr, *oldest_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace weir::proxy
