// One worker's connections to one backend. The link holds the idle connections and closes them if the backend closes
// them, sends unexpected bytes, or their keep-alive time is over.
//
// It keeps as many connections open as were recently in use at the same time (recent_peak.h), so that a steady load
// neither opens nor closes connections.
//
// Thread: one worker's thread.
// Lifetime: a link lives as long as a view or an exchange uses it; the event loop must outlive it.
#pragma once

#include "balancer/backend.h"
#include "base/recent_peak.h"
#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"
#include "proxy/io/timer_wheel.h"
#include "proxy/worker/idle_connections.h"
#include "proxy/worker/shared_connections.h"
#include "tls/client_context.h"
#include "tls/client_sessions.h"

#include <memory>
#include <string>

namespace weir::proxy {

class BackendLink;

// Whether a connection has a socket of its own, or is a stream of a shared one.
enum class ConnectionKind : std::uint8_t { own, stream };

// A connection to a backend, or one request's stream of a SharedConnection. In use, it wakes its user's Waiter; idle,
// it handles its own events.
class BackendConnection final : public Waker {
public:
    BackendConnection(EventLoop& loop, std::shared_ptr<BackendLink> link, ConnectionKind kind);
    ~BackendConnection();

    Stream stream;
    Buffer in;                                     // read but not used yet
    std::shared_ptr<const tls::ClientContext> tls; // the settings that the connection was made with; null: plain
    std::string tls_host;                          // the backend's host name or IP address at that time

    BackendLink& link() { return *link_; }
    // Returns true if the connection must be closed now, whatever it carries: its user must stop.
    bool is_cut() const { return cut_; }
    // Marks the connection as a tunnel: it carries, or will carry, TCP or an upgraded protocol.
    void become_tunnel() { tunnel_ = true; }

private:
    friend class BackendLink;
    friend class IdleConnections;
    void wake() override; // while idle: an unexpected event or the keep-alive timeout

    std::shared_ptr<BackendLink> link_;
    WheelTimer timer_;
    TimePoint idle_since_{}, keep_until_{};
    const ConnectionKind kind_;
    bool cut_ = false, tunnel_ = false, is_idle_ = false;
    BackendConnection *previous_ = nullptr, *next_ = nullptr; // in the link's list of all connections
    BackendConnection *older_ = nullptr, *newer_ = nullptr;   // in the list of idle connections
};

class BackendLink : public std::enable_shared_from_this<BackendLink> {
public:
    BackendLink(EventLoop& loop, balancer::BackendPtr backend, std::size_t worker)
        : loop_(loop), backend_(std::move(backend)), counters_(backend_->counters(worker)), shared_(*backend_, worker) {
    }

    std::uint64_t used_in = 0; // the last view that uses the link, for its WorkerViewBuilder

    const balancer::Backend& backend() const { return *backend_; }
    balancer::BackendCounters& counters() { return counters_; }

    tls::ClientSessions& sessions() { return sessions_; } // of the connections with TLS

    // Returns the most recently used idle connection that was made with the settings `tls` for `host` (null: plain);
    // null if there is none. Closes connections that were made with other settings.
    BackendConnectionPtr acquire(const tls::ClientContext* tls, const std::string& host);
    BackendConnectionPtr make() {
        return std::make_unique<BackendConnection>(loop_, shared_from_this(), ConnectionKind::own);
    }
    // Returns a connection whose stream is to be opened on a shared one.
    BackendConnectionPtr make_stream() {
        return std::make_unique<BackendConnection>(loop_, shared_from_this(), ConnectionKind::stream);
    }
    SharedConnections& shared() { return shared_; } // those that speak HTTP/2

    // Keeps a connection until `until` for another request. Closes the oldest idle connections if there are more than
    // the load of the last minute needs, or more than `max_idle`.
    void release(BackendConnectionPtr connection, std::size_t max_idle, TimePoint until);
    std::size_t close_idle(); // returns how many
    // Closes every connection, in use or idle.
    void cut_all();
    // Closes every tunnel; requests continue until their responses are complete.
    void cut_tunnels();
    // Called when the backend was removed from the configuration. Closes the idle connections, and keeps none from now
    // on.
    void retire();

private:
    friend class BackendConnection;
    enum class Which { all, tunnels };
    void cut(Which which);
    void drop(BackendConnection& connection);
    void note_use() { peak_.note(open_ - idle_.size(), loop_.now()); }
    void trim(std::size_t max_idle);

    EventLoop& loop_;
    balancer::BackendPtr backend_;
    balancer::BackendCounters& counters_;
    IdleConnections idle_;
    SharedConnections shared_;
    tls::ClientSessions sessions_;
    RecentPeak peak_; // of the connections in use
    BackendConnection* all_ = nullptr;
    std::size_t open_ = 0; // number of connections
    bool retired_ = false;
};

} // namespace weir::proxy
