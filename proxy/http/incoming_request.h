// A request as it was received: its plan, its origin, and the configuration that it is served with.
//
// Thread: one worker's thread.
// Lifetime: a value that does not change; its exchange holds it, and with it the configuration.
#pragma once

#include "proxy/grpc/call.h"
#include "proxy/http/request_origin.h"
#include "proxy/http/request_plan.h"
#include "proxy/worker/client.h"

#include <memory>

namespace weir::proxy::http {

// What gRPC adds to a request.
struct GrpcCall {
    bool is_call = false;
    TimePoint deadline = TimePoint::max(); // the client gives up then; max: it does not say

    bool has_deadline() const { return deadline != TimePoint::max(); }
};

struct IncomingRequest {
    // `head` is the request that the client has sent.
    IncomingRequest(const Client& client, const RequestHead& head);

    std::string_view head_bytes;                  // of the client's head, which stays at the front of its buffer
    WorkerViewPtr view;                           // the view that the request was planned with
    std::shared_ptr<const ListenerSpec> listener; // as it was at that time
    TimePoint began;
    RequestOrigin origin;
    RequestPlan plan;
    GrpcCall grpc;

    const conf::Config& config() const { return view->snapshot->config; }
    const RouteSpec* route() const { return plan.route.route; } // null if the listener's own pool serves the request
    // Parses the head again, since the worker has parsed other clients' heads into the same object. Its path is the
    // normalized one. Never null in practice.
    const RequestHead* read_head_again(HttpScratch& scratch) const;
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

// Returns what a request over HTTP/2 that has arrived at `now` says about a call; HTTP/1.1 carries none.
inline GrpcCall read_call(const RequestHead& head, TimePoint now) {
    if (!grpc::is_call(head)) return {};
    const auto timeout = grpc::timeout_of(head);
    // A year is as good as forever, and can be added.
    constexpr std::chrono::nanoseconds longest = std::chrono::hours(24 * 365);
    return {true, timeout && *timeout < longest ? now + *timeout : TimePoint::max()};
}

inline IncomingRequest::IncomingRequest(const Client& client, const RequestHead& head)
    : head_bytes(head.method.data(), static_cast<std::size_t>(client.in.view().data() - head.method.data())),
      view(client.listener->view), listener(client.listener->spec), began(client.context.loop.now()),
      origin(find_origin(peer_of(client), head, listener->trusted)),
      plan(plan_request(head, *view->snapshot, *listener,
                        {client.identity.get(), origin.trust, known_address(client, origin), client.context.index,
                         client.context.scratch.random, began})),
      grpc(client.stream.is_multiplexed() ? read_call(head, began) : GrpcCall{}) {}

inline const RequestHead* IncomingRequest::read_head_again(HttpScratch& scratch) const {
    auto& head = scratch.request;
    const HeadLimits passed_before{head_bytes.size(), head_bytes.size()};
    if (parse_request(head_bytes, passed_before, head).status != HeadStatus::complete) return nullptr;
    head.path = plan.normal_path();
    return &head;
}

} // namespace weir::proxy::http
