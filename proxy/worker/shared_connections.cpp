#include "proxy/worker/shared_connections.h"

#include "proxy/worker/backend_link.h"
#include "proxy/worker/shared_connection.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

SharedConnections::Wait::Wait(SharedConnections& connections, Waiter& fiber)
    : connections_(connections), fiber_(fiber) {
    connections_.waiting_.push_back(this);
}

SharedConnections::Wait::~Wait() {
    if (!over_) std::erase(connections_.waiting_, this);
    else std::replace(connections_.woken_.begin(), connections_.woken_.end(), this, static_cast<Wait*>(nullptr));
}

BackendConnectionPtr SharedConnections::open_stream(const tls::ClientContext* tls, const std::string& host) {
    std::vector<SharedConnection*> outdated;
    BackendConnectionPtr opened;
    for (auto* const connection : connections_) {
        if (!connection->is_for(tls, host)) outdated.push_back(connection);
        else if (connection->room() > 0 && !opened) opened = connection->open_stream();
    }
    end_when_idle(outdated);
    return opened;
}

bool SharedConnections::is_connecting() const {
    return attempts_ > 0 || std::any_of(connections_.begin(), connections_.end(),
                                        [](const auto* connection) { return connection->is_connecting(); });
}

Failure SharedConnections::adopt(BackendConnectionPtr transport, EventLoop& loop, const http2::Pools& pools,
                                 const SharedConnectionSettings& settings) {
    auto connection = std::make_unique<SharedConnection>(*this, std::move(transport), loop, pools, settings);
    const auto* const begun = connection.get();
    connections_.push_back(connection.get());
    counters().connections.add();
    counters().active_connections.add();
    spawn(std::move(connection));
    const bool lives = std::find(connections_.begin(), connections_.end(), begun) != connections_.end();
    return lives ? Failure{}
                 : Failure{FailureReason::backend_http2_failed, "the backend closed the connection at once"};
}

Failure SharedConnections::why_late() const {
    for (const auto* const connection : connections_)
        if (connection->is_connecting()) return {FailureReason::backend_http2_failed, connection->failure()};
    return {FailureReason::connect_timeout};
}

void SharedConnections::on_ready(SharedConnection& connection) {
    wake_waiting({});
    if (retired_) connection.end_when_idle();
}

void SharedConnections::on_over(SharedConnection& connection, const char* reason) {
    std::erase(connections_, &connection);
    counters().active_connections.subtract();
    if (reason) wake_waiting({FailureReason::backend_http2_failed, reason});
    else if (!is_connecting()) wake_waiting({}); // those that wait for nothing look again
}

void SharedConnections::end_attempt(const Failure& failure) {
    --attempts_;
    if (failure || !is_connecting()) wake_waiting(failure);
}

// Wakes the requests that wait, in order. Those that begin to wait meanwhile are not woken.
void SharedConnections::wake_waiting(const Failure& failure) {
    const auto first = woken_.size(); // a request that is woken may wake others
    for (auto* const wait : std::exchange(waiting_, {})) {
        wait->over_ = true;
        wait->failure_ = failure;
        woken_.push_back(wait);
    }
    for (auto i = first; i < woken_.size(); ++i)
        if (auto* const wait = std::exchange(woken_[i], nullptr)) wait->fiber_.wake();
    woken_.resize(first);
}

// Ends connections of a copied list. Those that end may end others meanwhile.
void SharedConnections::end_when_idle(const std::vector<SharedConnection*>& doomed) {
    for (auto* const connection : doomed) {
        const bool lives = std::find(connections_.begin(), connections_.end(), connection) != connections_.end();
        if (lives) connection->end_when_idle();
    }
}

std::size_t SharedConnections::close_idle() {
    std::vector<SharedConnection*> idle;
    for (auto* const connection : connections_)
        if (connection->is_idle()) idle.push_back(connection);
    end_when_idle(idle);
    return idle.size();
}

void SharedConnections::retire() {
    retired_ = true;
    end_when_idle(std::vector(connections_));
}

} // namespace weir::proxy
