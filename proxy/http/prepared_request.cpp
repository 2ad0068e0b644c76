#include "proxy/http/prepared_request.h"

#include "proxy/http/request_variables.h"
#include "proxy/snapshot/timeouts.h"

#include <optional>
#include <utility>

namespace weir::proxy::http {
void write_proxy_header(Buffer& out, const Client& client, const conf::Address& address, const PoolSpec& pool) {
    const auto version = pool.config.send_proxy_protocol;
    if (version == conf::ProxyProtocol::none || pool.tls) return;
    out.fill(client.source.write_proxy_header(out.space().data(), version, address, client.stream));
}

void PreparedRequest::prepare(const RequestHead& head, BackendSelection& selection) {
    const auto* route = incoming_.route();
    const auto host = route ? route->host : HostToSend::the_clients;
    gets_backends_host_ =
        host == HostToSend::the_backends || (host == HostToSend::the_clients && head.authority.empty());
    if (!route || route->auth_pool == no_pool) prepare_for_pool(head, selection);
}

void PreparedRequest::take_fields(CopiedFields fields, BackendSelection& selection) {
    copied_ = std::move(fields);
    prepare_again(selection);
}

void PreparedRequest::prepare_again(BackendSelection& selection) {
    if (const auto* head = incoming_.read_head_again(client_.context.scratch)) prepare_for_pool(*head, selection);
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
    if (const auto* head = incoming_.read_head_again(client_.context.scratch)) write_head(*head, pool, backends_host_);
}

void PreparedRequest::write_head(const RequestHead& head, const PoolSpec& pool, std::string_view backends_host) {
    const auto& origin = incoming_.origin;
    const auto* route = incoming_.route();
    head_ = Buffer(client_.context.buffers.heads);
    write_proxy_header(head_, client_, origin.address, pool);
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
    ReplacedFields replaced;
    const bool has_auth = route && route->config.forward_auth;
    if (has_auth) replaced = {route->config.forward_auth->copy_headers, copied_};
    write_request(head_, head, incoming_.plan.framing, facts, incoming_.plan.upgrade, edit ? &*edit : nullptr,
                  has_auth ? &replaced : nullptr);
}

} // namespace weir::proxy::http
