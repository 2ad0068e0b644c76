#include "proxy/worker/idle_connections.h"

#include "proxy/worker/backend_link.h"

namespace weir::proxy {

IdleConnections::~IdleConnections() {
    while (take_newest()) {}
}

void IdleConnections::push(BackendConnectionPtr connection) {
    auto* added = connection.release();
    added->older_ = newest_;
    added->newer_ = nullptr;
    (newest_ ? newest_->newer_ : oldest_) = added;
    newest_ = added;
    ++size_;
}

BackendConnectionPtr IdleConnections::take_newest() { return newest_ ? take(*newest_) : nullptr; }
BackendConnectionPtr IdleConnections::take_oldest() { return oldest_ ? take(*oldest_) : nullptr; }

BackendConnectionPtr IdleConnections::take(BackendConnection& connection) {
    (connection.older_ ? connection.older_->newer_ : oldest_) = connection.newer_;
    (connection.newer_ ? connection.newer_->older_ : newest_) = connection.older_;
    connection.older_ = connection.newer_ = nullptr;
    --size_;
    return BackendConnectionPtr(&connection);
}

} // namespace weir::proxy
