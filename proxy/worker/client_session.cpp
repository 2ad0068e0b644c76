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
    client_.socket.close();
    client_.context.clients.remove(*this);
}

void ClientSession::abort() {
    client_.aborted = true;
    client_.fiber.wake();
}

Task<bool> ClientSession::receive_proxy_header() {
    const auto& spec = *client_.listener->spec;
    if (!spec.config.accept_proxy_protocol) co_return true;
    client_.expire_in(client_.listener->view->snapshot->config.timeouts.client_header);
    bool accepted = spec.trusted.contains(client_.source.address);
    if (accepted) accepted = co_await read_proxy_header();
    else proxy_failure_ = {FailureReason::bad_proxy_header, "the peer is not one of trusted_proxies"};
    if (!accepted) client_.counters().proxy_headers_refused.add();
    co_return accepted;
}

Task<bool> ClientSession::read_proxy_header() {
    bool hurried = false;
    for (;;) {
        while (client_.socket.readable()) {
            if (!client_.in.has_memory()) client_.in = Buffer(client_.context.buffers.heads);
            const auto result = client_.socket.receive(client_.in.space());
            if (result.status == IoStatus::end || result.status == IoStatus::failed) {
                if (!client_.in.empty()) proxy_failure_ = {FailureReason::client_closed, "within the PROXY header"};
                co_return false;
            }
            client_.in.fill(result.bytes);
            const auto header = tcp::parse_proxy_header(client_.in.view());
            if (header.status == tcp::ProxyHeaderStatus::refused) {
                proxy_failure_ = {FailureReason::bad_proxy_header, header.reason};
                co_return false;
            }
            if (header.status == tcp::ProxyHeaderStatus::complete) {
                client_.source.take(header);
                client_.in.consume(header.length);
                client_.in.compact();
                co_return true;
            }
        }
        if (client_.is_draining() && !std::exchange(hurried, true)) client_.expire_in(newcomer_time);
        co_await client_.fiber.wait();
        if (client_.timer.expired())
            proxy_failure_ = {FailureReason::client_timeout, "the PROXY header did not arrive in time"};
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
}

} // namespace weir::proxy
