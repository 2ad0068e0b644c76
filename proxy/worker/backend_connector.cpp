#include "proxy/worker/backend_connector.h"

#include "proxy/worker/http2_pools.h"
#include "proxy/worker/shared_connection.h"

#include <algorithm>
#include <cerrno>

namespace weir::proxy {
namespace {

constexpr conf::Duration resource_pause = std::chrono::milliseconds(50);

// Returns true if an errno means that this machine is short of a resource, which is not the fault of a peer.
bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC ||
           error == EADDRNOTAVAIL || error == EAGAIN; // EAGAIN: the backlog of a unix socket is full at the moment
}

// A TCP client may end its side before a backend is connected, and go on reading.
bool is_gone(const Client& client) {
    return client.aborted || (client.protocol == conf::Protocol::tcp ? client.stream.broken() : client.has_left());
}

} // namespace

BackendConnectionPtr BackendConnector::acquire(BackendLink& link) const {
    BackendConnectionPtr connection;
    if (may_share()) connection = link.shared().open_stream(settings_.tls.get(), settings_.host);
    const bool may_be_kept = use_ == ConnectionUse::any_request && settings_.protocol != conf::BackendProtocol::http2;
    if (!connection && may_be_kept) connection = link.acquire(settings_.tls.get(), settings_.host);
    if (connection) connection->stream.set_waker(client_.fiber);
    return connection;
}

// Returns true if the connection may be an HTTP/2 one, which carries other requests, too. With a choice, requests that
// switch to another protocol go over HTTP/1.1, which all backends can do.
bool BackendConnector::may_share() const {
    if (use_ == ConnectionUse::tunnel || settings_.protocol == conf::BackendProtocol::http1) return false;
    return settings_.protocol == conf::BackendProtocol::http2 || use_ != ConnectionUse::upgrade;
}

// Returns true if a new connection will be shared as well, as far as is known: then one is made at a time.
bool BackendConnector::waits_for_others(BackendLink& link) const {
    return settings_.protocol == conf::BackendProtocol::http2 || !link.shared().has_selected_http1();
}

std::string_view BackendConnector::alpn() const {
    if (client_.protocol != conf::Protocol::http) return "";
    if (!may_share()) return "http/1.1";
    return settings_.protocol == conf::BackendProtocol::http2 ? "h2" : "h2,http/1.1";
}

Task<Connected> BackendConnector::connect(BackendLink& link) const {
    if (!may_share()) co_return co_await connect_own(link);
    auto& shared = link.shared();
    const auto began = client_.context.loop.now();
    const auto give_up = began + timeout_;
    while (waits_for_others(link)) {
        if (shared.is_connecting()) {
            const auto failure = co_await wait_for_connection(shared, give_up);
            if (failure) co_return Connected{nullptr, failure};
        } else if (client_.context.loop.now() >= give_up) {
            co_return Connected{nullptr, {FailureReason::connect_timeout}};
        } else {
            SharedConnections::Attempt attempt(shared);
            auto made = co_await connect_own(link);
            const bool is_backends = cause_of(made.failure.reason) == FailureCause::backend && !client_.is_late();
            if (made.failure && is_backends) attempt.fail(made.failure);
            if (!made.failure) made.failure = share(link, made, give_up);
            if (made.failure || made.connection) co_return made;
        }
        if (auto stream = acquire(link)) co_return Connected{std::move(stream), {}, client_.context.loop.now() - began};
    }
    auto made = co_await connect_own(link);
    if (!made.failure) made.failure = share(link, made, give_up);
    if (made.failure || made.connection) co_return made;
    co_return co_await connect(link); // the backend has changed its mind
}

// Hands a new connection over to those that are shared, if it speaks HTTP/2. `made` has none afterwards.
Failure BackendConnector::share(BackendLink& link, Connected& made, TimePoint give_up) const {
    if (made.connection->stream.is_multiplexed() || !made.took) return {}; // it is one of those that were there
    auto& context = client_.context;
    const auto* tls = made.connection->stream.tls();
    const bool is_http2 = tls ? tls->protocol() == "h2" : true;
    if (!is_http2 && settings_.protocol == conf::BackendProtocol::http2)
        return {FailureReason::backend_http2_failed, "the backend did not select h2 by ALPN"};
    link.shared().note_selected(is_http2 ? SelectedProtocol::http2 : SelectedProtocol::http1);
    if (!is_http2) return {};
    const auto& limits = client_.listener->view->snapshot->config.limits;
    constexpr std::uint32_t most_streams = 100;
    const http2::ClientSettings http2{most_streams, {limits.header_size.bytes, limits.header_count}};
    return link.shared().adopt(std::move(made.connection), context.loop, http2_pools_of(context.buffers),
                               {give_up, settings_.idle_timeout, http2});
}

// Waits until the connection that is being made can be used. Returns why there will be none.
Task<Failure> BackendConnector::wait_for_connection(SharedConnections& shared, TimePoint give_up) const {
    SharedConnections::Wait wait(shared, client_.fiber);
    client_.timer.set(std::min(give_up, client_.deadline));
    while (!wait.is_over()) {
        co_await client_.fiber.wait();
        if (is_gone(client_)) co_return client_left(client_);
        if (client_.timer.expired()) co_return shared.why_late();
    }
    co_return wait.failure();
}

Task<Connected> BackendConnector::connect_own(BackendLink& link) const {
    auto& loop = client_.context.loop;
    const auto give_up = loop.now() + timeout_;
    for (;;) {
        auto connection = link.make();
        if (use_ == ConnectionUse::tunnel) connection->become_tunnel();
        const auto began = loop.now();
        auto failure = co_await connect_once(*connection);
        if (!failure && settings_.tls) failure = start_tls(*connection);
        if (!failure && settings_.tls) failure = co_await shake_hands(*connection);
        if (!failure) co_return Connected{std::move(connection), {}, loop.now() - began};
        const bool shortage = failure.reason == FailureReason::resource_exhausted && on_shortage_ == OnShortage::wait &&
                              loop.now() < give_up;
        if (shortage) failure = co_await wait_for_resources();
        if (shortage && !failure && connection->is_cut())
            failure = {FailureReason::backend_removed, "while connecting"};
        if (client_.stream.broken()) connection->stream.close(HowToClose::reset); // as the client has done
        if (failure) co_return Connected{nullptr, failure};
        if (auto kept = acquire(link)) co_return Connected{std::move(kept)};
    }
}

// Begins to connect; closes idle connections if descriptors have run out, unless it is to give up. Returns errno, or 0
// on success.
int BackendConnector::begin(BackendConnection& connection) const {
    auto& context = client_.context;
    const auto& address = connection.link().backend().address();
    const int error = connection.stream.connect(context.loop, address, client_.fiber);
    if (!is_shortage(error)) return error;
    context.counters.shortages.add();
    if (on_shortage_ == OnShortage::give_up) return error;
    // Closing idle connections makes no room in a backlog.
    if (error == EAGAIN || context.views.close_all_idle() == 0) return error;
    return connection.stream.connect(context.loop, address, client_.fiber);
}

// Returns an empty failure once the connection is established, otherwise the reason.
Task<Failure> BackendConnector::connect_once(BackendConnection& connection) const {
    if (const int error = begin(connection))
        co_return Failure{is_shortage(error) ? FailureReason::resource_exhausted : reason_of_connect_error(error),
                          "connect", error};
    client_.expire_in(timeout_);
    while (!connection.stream.writable()) {
        co_await client_.fiber.wait();
        if (const auto end = has_been_woken_to_end(connection, {FailureReason::connect_timeout})) co_return end;
    }
    if (const int error = connection.stream.connect_error())
        co_return Failure{reason_of_connect_error(error), "connect", error};
    co_return Failure{};
}

// Returns why connecting must end now; empty if it may go on. `late` is the failure of the backend if time is up.
Failure BackendConnector::has_been_woken_to_end(const BackendConnection& connection, Failure late) const {
    if (is_gone(client_)) return client_left(client_);
    if (client_.timer.expired()) return late;
    if (connection.is_cut()) return {FailureReason::backend_removed, "while connecting"};
    return {};
}

// Sends the PROXY header, if the pool has one, and switches the connection to TLS.
Failure BackendConnector::start_tls(BackendConnection& connection) const {
    if (settings_.proxy_protocol != conf::ProxyProtocol::none) {
        Buffer header(client_.context.buffers.heads);
        header.fill(client_.source.write_proxy_header(header.space().data(), settings_.proxy_protocol, settings_.client,
                                                      client_.stream));
        const iovec part{header.data(), header.size()};
        const auto sent = connection.stream.send({&part, 1}); // fits into the send buffer of a new connection
        if (sent.bytes != header.size()) return {FailureReason::connect_failed, "send the PROXY header", sent.error};
    }
    auto session = settings_.tls->new_session(settings_.host, alpn());
    if (!session) return {FailureReason::resource_exhausted, "no memory for a TLS connection"};
    connection.link().sessions().attach(session.get(), settings_.tls, settings_.host);
    connection.stream.start_tls(std::move(session), client_.context.buffers.bodies, {}, client_.fiber);
    connection.tls = settings_.tls;
    connection.tls_host = settings_.host;
    return {};
}

Task<Failure> BackendConnector::shake_hands(BackendConnection& connection) const {
    auto& tls = *connection.stream.tls();
    HandshakeLimit::Turn turn(client_.context.handshakes, client_.fiber, client_.context.loop);
    for (bool begun = false;;) {
        while (!begun || connection.stream.readable()) {
            if (!turn.try_begin(client_.context.loop.now())) break;
            begun = true;
            const auto status = tls.handshake();
            if (status == HandshakeStatus::done) co_return Failure{};
            if (status == HandshakeStatus::failed) co_return Failure{FailureReason::backend_tls_failed, tls.error()};
        }
        co_await client_.fiber.wait();
        const Failure late{FailureReason::connect_timeout, "the TLS handshake did not complete in time"};
        if (const auto end = has_been_woken_to_end(connection, late)) co_return end;
    }
}

// Gives other connections time to free file descriptors. Returns a failure if the client leaves.
Task<Failure> BackendConnector::wait_for_resources() const {
    client_.expire_in(resource_pause);
    while (!client_.timer.expired()) {
        co_await client_.fiber.wait();
        if (is_gone(client_)) co_return client_left(client_);
    }
    co_return Failure{};
}

Failure client_left(const Client& client) {
    const bool tcp = client.protocol == conf::Protocol::tcp;
    if (client.aborted)
        return {FailureReason::drained, tcp ? "the time to finish expired before a backend was connected"
                                            : "the time to finish expired before the response began"};
    return {FailureReason::client_closed, tcp ? "before a backend was connected" : "before the response began"};
}

bool is_hopeless(FailureReason reason) {
    return cause_of(reason) != FailureCause::backend && reason != FailureReason::backend_removed;
}

} // namespace weir::proxy
