#include "proxy/worker/client_session.h"

#include <utility>

namespace weir::proxy {

ClientSession::ClientSession(WorkerContext& context, std::shared_ptr<WorkerListener> listener,
                             const conf::Address& peer)
    : client_(context, std::move(listener), peer) {
    context.clients.add(*this);
    client_.counters().connections.add();
    client_.counters().active.add();
}

ClientSession::~ClientSession() {
    client_.counters().active.subtract();
    client_.stream.close();
    client_.context.clients.remove(*this);
}

void ClientSession::abort() {
    client_.aborted = true;
    client_.fiber.wake();
}

Task<bool> ClientSession::begin() {
    client_.expire_in(client_.listener->view->snapshot->config.timeouts.client_header);
    const auto spec = client_.listener->spec;
    // g++ 12 would evaluate a co_await behind && or ||, whatever is before it.
    bool begun = true;
    if (spec->config.accept_proxy_protocol) begun = co_await receive_proxy_header();
    source_known_ = begun;
    if (begun && spec->tls) begun = co_await start_tls(*spec->tls);
    co_return begun;
}

Task<bool> ClientSession::receive_proxy_header() {
    const auto& spec = *client_.listener->spec;
    bool accepted = spec.trusted.contains(client_.source.address);
    if (accepted) accepted = co_await read_proxy_header();
    else failure_ = {FailureReason::bad_proxy_header, "the peer is not one of trusted_proxies"};
    if (!accepted) client_.counters().proxy_headers_refused.add();
    co_return accepted;
}

void ClientSession::hurry() {
    if (client_.is_draining() && !std::exchange(hurried_, true)) client_.expire_in(newcomer_time);
}

Task<bool> ClientSession::read_proxy_header() {
    for (;;) {
        while (client_.stream.readable()) {
            if (!client_.in.has_memory()) client_.in = Buffer(client_.context.buffers.heads);
            const auto result = client_.stream.receive(client_.in.space());
            if (result.status == IoStatus::end || result.status == IoStatus::failed) {
                if (!client_.in.empty()) failure_ = {FailureReason::client_closed, "within the PROXY header"};
                co_return false;
            }
            client_.in.fill(result.bytes);
            const auto header = tcp::parse_proxy_header(client_.in.view());
            if (header.status == tcp::ProxyHeaderStatus::refused) {
                failure_ = {FailureReason::bad_proxy_header, header.reason};
                co_return false;
            }
            if (header.status == tcp::ProxyHeaderStatus::complete) {
                client_.source.take(header);
                client_.in.consume(header.length);
                client_.in.compact();
                co_return true;
            }
        }
        hurry();
        co_await client_.fiber.wait();
        if (client_.timer.expired())
            failure_ = {FailureReason::client_timeout, "the PROXY header did not arrive in time"};
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
}

// Returns this worker's share of limits.handshakes.
std::size_t ClientSession::max_handshakes() const {
    const std::size_t all = client_.listener->view->snapshot->config.limits.handshakes;
    const auto workers = client_.stats->workers.size();
    return (all + workers - 1) / workers;
}

// A client that has said nothing takes no memory for TLS, and does not count as a handshake.
Task<bool> ClientSession::wait_for_hello() {
    while (client_.in.empty() && !client_.stream.readable()) {
        hurry();
        co_await client_.fiber.wait();
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
    co_return true;
}

Task<bool> ClientSession::start_tls(const tls::ServerContext& context) {
    if (!co_await wait_for_hello()) co_return false;
    client_.context.open_handshakes.make_room(max_handshakes(), client_.context.loop);
    auto session = context.new_session();
    if (!session) {
        failure_ = {FailureReason::resource_exhausted, "no memory for a TLS connection"};
        co_return false;
    }
    client_.stream.start_tls(std::move(session), client_.context.buffers.bodies, client_.in.view(), client_.fiber);
    client_.in.release();
    bool agreed = co_await shake_hands();
    if (agreed && !context.client_policy().empty()) agreed = identify(context);
    auto& counters = client_.counters();
    if (agreed) counters.tls_handshakes.add();
    else if (failure_) counters.tls_failures.add();
    if (agreed && client_.stream.tls()->is_resumed()) counters.tls_resumed.add();
    co_return agreed;
}

// Keeps who the client is. Returns false if its certificate has expired since its session began.
bool ClientSession::identify(const tls::ServerContext& context) {
    client_.identity =
        std::make_shared<const tls::ClientIdentity>(client_.stream.tls()->client(context.client_policy()));
    if (client_.identity->has_expired)
        failure_ = {FailureReason::tls_handshake_failed, "the client certificate of the session has expired"};
    return !client_.identity->has_expired;
}

Task<bool> ClientSession::shake_hands() {
    auto& tls = *client_.stream.tls();
    OpenHandshakes::Handshake place(client_.context.open_handshakes, client_.fiber);
    HandshakeLimit::Turn turn(client_.context.handshakes, client_.fiber, client_.context.loop);
    bool waits_for_turn = false;
    for (;;) {
        while (client_.stream.readable()) {
            // A heavy step takes up to a millisecond: other connections are served before the next one.
            if (tls.is_next_step_heavy() && !turn.try_begin(client_.context.loop.now())) {
                waits_for_turn = true;
                break;
            }
            const auto status = tls.handshake();
            if (status == HandshakeStatus::done) co_return true;
            if (status == HandshakeStatus::failed) {
                // Health checks of load balancers connect and send nothing.
                if (tls.has_received()) failure_ = {FailureReason::tls_handshake_failed, tls.error()};
                co_return false;
            }
        }
        hurry();
        if (!std::exchange(waits_for_turn, false)) place.begin_wait();
        co_await client_.fiber.wait();
        place.end_wait();
        if (place.is_displaced()) {
            failure_ = {FailureReason::tls_handshake_failed,
                        "displaced by a newer handshake: limits.handshakes reached"};
            co_return false;
        }
        if (client_.timer.expired() && tls.has_received())
            failure_ = {FailureReason::client_timeout, "the TLS handshake did not complete in time"};
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
}

} // namespace weir::proxy
