#include "proxy/worker/backend_link.h"

namespace weir::proxy {
namespace {

constexpr auto fresh = std::chrono::milliseconds(50);

constexpr int max_trimmed = 2; // surplus connections closed per release: few, but more than the one that is released

} // namespace

BackendConnection::BackendConnection(EventLoop& loop, std::shared_ptr<BackendLink> link, ConnectionKind kind)
    : link_(std::move(link)), timer_(loop.timers(), *this), kind_(kind) {
    next_ = link_->all_;
    if (next_) next_->previous_ = this;
    link_->all_ = this;
    if (kind_ == ConnectionKind::stream) return;
    link_->counters().connections.add();
    ++link_->open_;
    link_->note_use();
}

BackendConnection::~BackendConnection() {
    if (kind_ == ConnectionKind::own) {
        link_->counters().connections.subtract();
        --link_->open_;
    }
    (previous_ ? previous_->next_ : link_->all_) = next_;
    if (next_) next_->previous_ = previous_;
}

void BackendConnection::wake() {
    // Neither a late write event nor a TLS session ticket is a reason to close the connection.
    if (timer_.expired() || stream.hung_up() || (stream.readable() && !stream.is_idle())) link_->drop(*this);
}

BackendConnectionPtr BackendLink::acquire(const tls::ClientContext* tls, const std::string& host) {
    while (auto connection = idle_.take_newest()) {
        connection->is_idle_ = false;
        connection->timer_.cancel();
        counters_.idle.subtract();
        if (connection->keep_until_ <= loop_.now()) continue; // a busy worker may see its timer late
        if (connection->tls.get() != tls || (tls && connection->tls_host != host)) continue;
        // An unread event may be a FIN, or bytes that would be taken for the next response. Events from before this
        // round have been handled; another look costs a system call, which pays only after a while.
        const bool seen = loop_.now() - connection->idle_since_ < fresh && !connection->stream.has_pending_event(loop_);
        if (!seen && !connection->stream.is_idle()) continue;
        note_use();
        return connection;
    }
    return nullptr;
}

void BackendLink::release(BackendConnectionPtr connection, std::size_t max_idle, TimePoint until) {
    if (connection->stream.is_multiplexed()) return; // its end is that of its stream
    note_use();                                      // it may have been in use for longer than the peak remembers
    if (retired_ || max_idle == 0 || until <= loop_.now() || backend_->verdict() == balancer::Verdict::down) return;
    if (!connection->in.empty() || connection->stream.hung_up()) return;
    if (connection->stream.readable() && !connection->stream.is_idle()) return;
    connection->in.release();
    connection->tunnel_ = false; // the backend did not agree to the upgrade
    connection->stream.set_waker(*connection);
    connection->timer_.set(until);
    connection->keep_until_ = until;
    connection->idle_since_ = loop_.now();
    connection->is_idle_ = true;
    counters_.idle.add();
    idle_.push(std::move(connection));
    trim(max_idle);
}

void BackendLink::trim(std::size_t max_idle) {
    const auto needed = peak_.read(loop_.now());
    for (int i = 0; i < max_trimmed && open_ > needed && !idle_.empty(); ++i) {
        counters_.idle.subtract();
        idle_.take_oldest();
    }
    for (; idle_.size() > max_idle; idle_.take_oldest()) counters_.idle.subtract();
}

std::size_t BackendLink::close_idle() {
    const auto self = shared_from_this(); // the last connection may hold the link
    const auto count = idle_.size();
    counters_.idle.subtract(count);
    while (idle_.take_newest()) {}
    return count + shared_.close_idle();
}

void BackendLink::retire() {
    const auto self = shared_from_this();
    retired_ = true;
    close_idle();
    shared_.retire();
}

void BackendLink::cut_all() {
    close_idle();
    cut(Which::all);
}

void BackendLink::cut_tunnels() { cut(Which::tunnels); }

void BackendLink::cut(Which which) {
    for (auto* connection = all_; connection;) {
        if (connection->cut_ || (which == Which::tunnels && !connection->tunnel_)) {
            connection = connection->next_;
            continue;
        }
        connection->cut_ = true;
        connection->stream.wake_user(); // this may free the connection, or any other
        connection = all_;
    }
}

void BackendLink::drop(BackendConnection& connection) {
    if (!connection.is_idle_) return;
    const auto doomed = idle_.take(connection);
    counters_.idle.subtract();
}

} // namespace weir::proxy
