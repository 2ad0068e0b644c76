#include "proxy/backend_link.h"

#include <algorithm>

namespace weir::proxy {
namespace {

constexpr auto fresh = std::chrono::milliseconds(50);

} // namespace

BackendConnection::BackendConnection(EventLoop& loop, std::shared_ptr<BackendLink> link)
    : link_(std::move(link)), timer_(loop.timers(), *this) {
    link_->counters().connections.add();
    next_ = link_->all_;
    if (next_) next_->previous_ = this;
    link_->all_ = this;
}

BackendConnection::~BackendConnection() {
    link_->counters().connections.subtract();
    (previous_ ? previous_->next_ : link_->all_) = next_;
    if (next_) next_->previous_ = previous_;
}

void BackendConnection::wake() {
    // A late notice that it can be written to is no reason to part.
    if (timer_.expired() || socket.readable() || socket.hung_up()) link_->drop(*this);
}

BackendConnectionPtr BackendLink::take_idle() {
    while (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        connection->timer_.cancel();
        counters_.idle.subtract();
        // News of it may wait: a farewell, or bytes that would be taken for the next answer. What came before this
        // round of events has been fetched; only after a while is one more look worth a system call.
        const bool seen = loop_.now() - connection->idle_since_ < fresh && !loop_.has_news(connection->socket);
        if (seen || connection->socket.is_quiet()) return connection;
    }
    return nullptr;
}

void BackendLink::give_back(BackendConnectionPtr connection, std::size_t max_idle, TimePoint until) {
    if (retired_ || idle_.size() >= max_idle || backend_->verdict() == balancer::Verdict::down) return;
    if (!connection->in.empty() || connection->socket.hung_up()) return;
    if (connection->socket.readable() && !connection->socket.is_quiet()) return;
    connection->in.release();
    connection->socket.set_waker(*connection);
    connection->timer_.set(until);
    connection->idle_since_ = loop_.now();
    counters_.idle.add();
    idle_.push_back(std::move(connection));
}

std::size_t BackendLink::close_idle() {
    const auto count = idle_.size();
    counters_.idle.subtract(count);
    idle_.clear();
    return count;
}

void BackendLink::cut_all() {
    close_idle();
    for (auto* connection = all_; connection;) {
        if (connection->cut_) {
            connection = connection->next_;
            continue;
        }
        connection->cut_ = true;
        connection->socket.wake_user(); // which may free it, or any other
        connection = all_;
    }
}

void BackendLink::drop(BackendConnection& connection) {
    const auto it = std::find_if(idle_.begin(), idle_.end(), [&](const auto& c) { return c.get() == &connection; });
    if (it == idle_.end()) return;
    const auto doomed = std::move(*it);
    idle_.erase(it);
    counters_.idle.subtract();
}

} // namespace weir::proxy
