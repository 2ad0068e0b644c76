// The connections over which backends send heartbeats. There may be thousands, each with a few bytes per second. They
// are polled together, at most forty times a second, so that a heartbeat costs one read and one write, but no wake-up
// of the control thread.
//
// A connection is added after its first heartbeat, and handed back when it sends any other request.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it; its timer ends soon after `close_all`.
#pragma once

#include "net/detached_stream.h"
#include "proxy/http1/head.h"
#include "proxy/runtime/heartbeat_receiver.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::admin {

class HeartbeatConnections {
public:
    // Returns the response to a request, or nothing if the request is not a heartbeat that can be handled here.
    using OnHeartbeat =
        std::function<std::optional<HeartbeatAnswer>(const http::RequestHead& head, std::string_view body)>;
    // Takes a connection back, together with the bytes read from it.
    using OnOther = std::function<void(net::DetachedStream connection, std::string bytes)>;

    HeartbeatConnections(boost::asio::io_context& control, OnHeartbeat on_heartbeat, OnOther on_other);
    ~HeartbeatConnections();
    HeartbeatConnections(const HeartbeatConnections&) = delete;
    HeartbeatConnections& operator=(const HeartbeatConnections&) = delete;

    // Takes ownership of an idle, non-blocking connection. Closes it if it cannot be polled.
    void add(net::DetachedStream connection);
    // Returns the number of connections.
    std::size_t size() const;

    // Responds to pending heartbeats and closes all connections.
    void close_all();

private:
    struct State;
    std::shared_ptr<State> state_;
};

// Returns the body of the HTTP response for an answer.
std::string to_body(const HeartbeatAnswer& answer);

} // namespace weir::proxy::admin
