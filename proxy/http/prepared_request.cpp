#include "proxy/http/prepared_request.h"

#include "proxy/http/request_variables.h"
#include "proxy/snapshot/timeouts.h"

#include <optional>

namespace weir::proxy::http {
void PreparedRequest::prepare(const RequestHead& head, BackendSelection& selection) {
    bytes_ = {head.method.data(), static_cast<std::size_t>(client_.in.data() - head.method.data())};
    const auto* route = incoming_.route();
    const auto host = route ? route->host : HostToSend::the_clients;
    gets_backends_host_ =
        host == HostToSend::the_backends || (host == HostToSend::the_clients && head.authority.empty());
    prepare_for_pool(head, selection);
}

void PreparedRequest::prepare_again(BackendSelection& selection) {
    if (const auto* head = read_head_again()) prepare_for_pool(*head, selection);
}

void PreparedRequest::prepare_for_pool(const RequestHead& head, BackendSelection& selection) {
    const auto& pool = *selection.pool().spec;
    const auto* route = incoming_.route();
    timeouts_ = route ? merge_timeouts(pool.timeouts, route->config.timeouts) : pool.timeouts;
    affinity_.read(head, incoming_.origin, client_.stream.tls() ? Scheme::https : Scheme::http, selection);
    write_head(head, pool);
}

void PreparedRequest::choose(std::size_t member, const BackendSelection& selection) {
    affinity_.choose(member, selection, client_.context.loop.now());
    if (!gets_backends_host_) return;
    const auto& pool = *selection.pool().spec;
    const auto& address = pool.config_of(pool.members[member]).address;
    backends_host_ = address.is_unix() ? "localhost" : address.text();
    if (const auto* head = read_head_again()) write_head(*head, pool, backends_host_);
}

// Parses the head again, since the worker has parsed other clients' heads into the same object. Never null in practice.
const RequestHead* PreparedRequest::read_head_again() {
    auto& head = client_.context.scratch.request;
    const HeadLimits passed_before{bytes_.size(), bytes_.size()};
    if (parse_request(bytes_, passed_before, head).status != HeadStatus::complete) return nullptr;
    head.path = incoming_.plan.normal_path();
    return &head;
}

void PreparedRequest::write_head(const RequestHead& head, const PoolSpec& pool, std::string_view backends_host) {
    const auto& origin = incoming_.origin;
    const auto* route = incoming_.route();
    head_ = Buffer(client_.context.buffers.heads);
    // With TLS, the PROXY header comes before the handshake (backend_connector.h).
    if (const auto version = pool.config.send_proxy_protocol; version != conf::ProxyProtocol::none && !pool.tls)
        head_.fill(client_.source.write_proxy_header(head_.space().data(), version, origin.address, client_.stream));
    // The side that closes first keeps the port in TIME_WAIT: better each backend than the proxy in front of them.
    const auto to_backend = may_share_connections(pool) ? Connection::keep : Connection::close;
    const auto host = route && route->host == HostToSend::configured ? route->config.host : backends_host;
    ClientFacts facts{origin.peer_ip, origin.trust, client_.scheme(), to_backend, origin.client_ip(), host};
    facts.path = incoming_.plan.forwarded_path();
    sent_host_ = host.empty() ? head.authority : host;
    if (incoming_.listener->config.request_id) facts.request_id = ids_.texts().request;
    facts.begun_trace = ids_.begun_trace();
    std::optional<HeadEdit> edit;
    if (route && !route->config.request_headers.empty())
        edit.emplace(HeadEdit{route->config.request_headers, variables_of(client_, incoming_, record_)});
    write_request(head_, head, incoming_.plan.framing, facts, incoming_.plan.upgrade, edit ? &*edit : nullptr);
}

} // namespace weir::proxy::http
