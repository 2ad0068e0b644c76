// One worker's connections to one backend: those that are idle wait here, and leave by themselves when the backend
// closes them, sends what nobody asked for, or their time is up.
//
// Thread: one worker's thread.
// Lifetime: links live as long as a view or an exchange uses them; the event loop must outlive them.
#pragma once

#include "balancer/backend.h"
#include "proxy/io/buffer.h"
#include "proxy/io/socket.h"
#include "proxy/io/timer_wheel.h"

#include <memory>
#include <vector>

namespace weir::proxy {

class BackendLink;

// A connection to a backend. In use, its user's fiber is woken; idle, it watches itself.
class BackendConnection final : public Waker {
public:
    BackendConnection(EventLoop& loop, std::shared_ptr<BackendLink> link);
    ~BackendConnection();

    Socket socket;
    Buffer in; // read but not used yet

    BackendLink& link() { return *link_; }
    // Its time is over, whatever is still under way: its user is to end.
    bool is_cut() const { return cut_; }

private:
    friend class BackendLink;
    void wake() override; // while idle: something is wrong with it, or its time is up

    std::shared_ptr<BackendLink> link_;
    Timer timer_;
    TimePoint idle_since_{};
    bool cut_ = false;
    BackendConnection *previous_ = nullptr, *next_ = nullptr; // the link's list of all of them
};

using BackendConnectionPtr = std::unique_ptr<BackendConnection>;

class BackendLink : public std::enable_shared_from_this<BackendLink> {
public:
    BackendLink(EventLoop& loop, balancer::BackendPtr backend, std::size_t worker)
        : loop_(loop), backend_(std::move(backend)), counters_(backend_->counters(worker)) {}

    std::uint64_t used_in = 0; // the last view that uses it, for whoever keeps the links

    const balancer::Backend& backend() const { return *backend_; }
    balancer::BackendCounters& counters() { return counters_; }

    // The most recently used idle connection; null where there is none.
    BackendConnectionPtr take_idle();
    BackendConnectionPtr make() { return std::make_unique<BackendConnection>(loop_, shared_from_this()); }

    // Keeps a connection for later, where there may be one more.
    void give_back(BackendConnectionPtr connection, std::size_t max_idle, TimePoint until);
    std::size_t close_idle(); // returns how many
    // Ends every connection, in use or idle.
    void cut_all();
    // The backend has left the configuration: nothing is kept any more.
    void retire() { retired_ = true, close_idle(); }

private:
    friend class BackendConnection;
    void drop(BackendConnection& connection);

    EventLoop& loop_;
    balancer::BackendPtr backend_;
    balancer::BackendCounters& counters_;
    std::vector<BackendConnectionPtr> idle_;
    BackendConnection* all_ = nullptr;
    bool retired_ = false;
};

} // namespace weir::proxy
