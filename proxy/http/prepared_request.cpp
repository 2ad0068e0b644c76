#include "proxy/http/prepared_request.h"

#include "balancer/algorithms/stable_hash.h"
#include "proxy/http/request_variables.h"
#include "proxy/http1/chars.h"
#include "proxy/snapshot/timeouts.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir::proxy::http {
namespace {

bool maps_back(const RouteSpec* route) { return route && route->config.rewrite && route->config.rewrite->map_back; }

// Returns how the client and weir call the server. A trusted proxy says what the client has used.
ResponseOrigins find_origins(const RequestHead& head, const Client& client, Trust trust,
                             std::string_view backend_scheme, std::string_view backend_authority) {
    const auto told = [&](FieldId id) { return trust == Trust::trusted ? head.find(id) : std::string_view(); };
    const auto host = told(FieldId::x_forwarded_host);
    const bool is_https = same_word(told(FieldId::x_forwarded_proto), "https");
    return {is_https ? "https" : client.scheme(),
            host.empty() ? head.authority : host,
            backend_scheme,
            backend_authority,
            {}};
}

bool hashes_copied_header(const PoolSpec& pool, const RouteSpec* route) {
    const auto& config = pool.config;
    if (config.algorithm != conf::Algorithm::hash || config.hash.on != conf::HashOn::header) return false;
    if (!route || !route->config.forward_auth) return false;
    const auto& names = route->config.forward_auth->copy_headers;
    return std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_alias(name, config.hash.name); });
}

} // namespace

std::string host_of_member(const PoolSpec& pool, std::size_t member) {
    const auto& address = pool.config_of(pool.members[member]).address;
    return address.is_unix() ? "localhost" : address.text();
}

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
    // The backend does not see what a client sends in a header that the authentication service sets.
    if (hashes_copied_header(pool, route)) selection.hash_by(copied_key(pool.config.hash.name));
    write_head(head, pool);
}

std::optional<std::uint64_t> PreparedRequest::copied_key(const std::string& name) const {
    for (const auto& [copied, value] : copied_)
        if (is_alias(copied, name)) return balancer::stable_hash(value);
    return std::nullopt;
}

void PreparedRequest::use_stored_body(std::uint64_t size, const BackendSelection& selection) {
    stored_size_ = size;
    if (const auto* head = incoming_.read_head_again(client_.context.scratch))
        write_head(*head, *selection.pool().spec);
}

void PreparedRequest::choose(std::size_t member, const BackendSelection& selection) {
    affinity_.choose(member, selection, client_.context.loop.now());
    if (!gets_backends_host_ && !maps_back(incoming_.route())) return;
    const auto& pool = *selection.pool().spec;
    backend_address_ = host_of_member(pool, member);
    if (!gets_backends_host_) return;
    if (const auto* head = incoming_.read_head_again(client_.context.scratch))
        write_head(*head, pool, backend_address_);
}

std::optional<ResponseMapping> PreparedRequest::response_mapping() const {
    const auto* route = incoming_.route();
    if (!maps_back(route)) return std::nullopt;
    auto origins = origins_;
    origins.backend_address = backend_address_;
    return ResponseMapping{route->path_mapper, origins};
}

bool PreparedRequest::write_copy(Buffer& out, const PoolSpec& pool, std::size_t member, const Framing& framing) const {
    const auto* head = incoming_.read_head_again(client_.context.scratch);
    if (!head) return false;
    const auto host = gets_backends_host_ ? host_of_member(pool, member) : "";
    write(out, *head, {pool, host, framing, {}, ExpectField::left_out});
    return true;
}

void PreparedRequest::write_head(const RequestHead& head, const PoolSpec& pool, std::string_view backends_host) {
    auto& buffers = client_.context.buffers;
    constexpr std::size_t added = 1024; // what the fields that weir adds take, as a rule
    head_ = Buffer(head.length + added <= small_block_size ? buffers.small : buffers.heads);
    const auto framing = stored_size_ ? Framing{BodyKind::length, *stored_size_} : incoming_.plan.framing;
    const auto expect = stored_size_ ? ExpectField::left_out : ExpectField::forwarded;
    const auto sent_host = write(head_, head, {pool, backends_host, framing, incoming_.plan.upgrade, expect});
    if (maps_back(incoming_.route()))
        origins_ = find_origins(head, client_, incoming_.origin.trust, pool.tls ? "https" : "http", sent_host);
}

std::string_view PreparedRequest::write(Buffer& out, const RequestHead& head, const Form& form) const {
    const auto& origin = incoming_.origin;
    const auto* route = incoming_.route();
    write_proxy_header(out, client_, origin.address, form.pool);
    // The side that closes first keeps the port in TIME_WAIT: better each backend than the proxy in front of them.
    const auto to_backend = may_share_connections(form.pool) ? Connection::keep : Connection::close;
    const auto host = route && route->host == HostToSend::configured ? route->config.host : form.backends_host;
    ClientFacts facts{origin.peer_ip, origin.trust, client_.scheme(), to_backend, origin.client_ip(), host};
    facts.path = incoming_.plan.forwarded_path();
    facts.expect = form.expect;
    if (incoming_.listener->config.request_id) facts.request_id = ids_.texts().request;
    facts.new_traceparent = ids_.new_traceparent();
    std::optional<HeadEdit> edit;
    if (route && !route->config.request_headers.empty())
        edit.emplace(HeadEdit{route->config.request_headers, variables_of(client_, incoming_, record_)});
    ReplacedFields replaced;
    const bool has_auth = route && route->config.forward_auth;
    if (has_auth) replaced = {route->config.forward_auth->copy_headers, copied_};
    write_request(out, head, form.framing, facts, form.upgrade, edit ? &*edit : nullptr,
                  has_auth ? &replaced : nullptr);
    return host.empty() ? head.authority : host;
}

} // namespace weir::proxy::http
