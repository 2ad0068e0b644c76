// A request as it was received: its plan, its origin, and the configuration that it is served with.
//
// Thread: one worker's thread.
// Lifetime: a value that does not change; its exchange holds it, and with it the configuration.
#pragma once

#include "proxy/http/request_origin.h"
#include "proxy/http/request_plan.h"
#include "proxy/worker/client.h"

#include <memory>

namespace weir::proxy::http {

struct IncomingRequest {
    // `head` is the request that the client has sent.
    IncomingRequest(const Client& client, const RequestHead& head);

    WorkerViewPtr view;                           // the view that the request was planned with
    std::shared_ptr<const ListenerSpec> listener; // as it was at that time
    TimePoint began;
    RequestOrigin origin;
    RequestPlan plan;

    const conf::Config& config() const { return view->snapshot->config; }
    const RouteSpec* route() const { return plan.route.route; } // null if the listener's own pool serves the request
};

inline RequestPeer peer_of(const Client& client) {
    const bool trusted = client.source.speaks_for_others(client.listener->spec->trusted);
    return {client.source.address, client.source.ip, trusted ? Trust::trusted : Trust::untrusted};
}

// Returns the address that rules about clients see; unset if a proxy does not tell it.
inline const conf::Address& known_address(const Client& client, const RequestOrigin& origin) {
    static const conf::Address unknown;
    return origin.is_known && client.source.origin != tcp::ProxyOrigin::unknown ? origin.address : unknown;
}

inline IncomingRequest::IncomingRequest(const Client& client, const RequestHead& head)
    : view(client.listener->view), listener(client.listener->spec), began(client.context.loop.now()),
      origin(find_origin(peer_of(client), head, listener->trusted)),
      plan(plan_request(head, *view->snapshot, *listener,
                        {client.identity.get(), origin.trust, known_address(client, origin), client.context.index,
                         client.context.scratch.random, began})) {}

} // namespace weir::proxy::http
