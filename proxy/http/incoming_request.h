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

inline IncomingRequest receive_request(const Client& client, const RequestHead& head) {
    const auto& listener = *client.listener;
    const auto peer = peer_of(client);
    IncomingRequest request{
        listener.view, listener.spec, client.context.loop.now(), find_origin(peer, head, listener.spec->trusted), {}};
    request.plan = plan_request(head, *listener.view->snapshot, *listener.spec,
                                {client.identity.get(), peer.trust, request.origin.address, client.context.index});
    return request;
}

} // namespace weir::proxy::http
