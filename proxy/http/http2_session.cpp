#include "proxy/http/http2_session.h"

#include "proxy/worker/http2_pools.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

// How long a client that has been told to open no more streams may still open some.
constexpr auto announcement_time = std::chrono::seconds(1);

} // namespace

Http2Session::Http2Session(Client& client)
    : client_(client),
      connection_({client.stream, client.fiber, client.context.loop, http2_pools_of(client.context.buffers)}, *this) {
    counters().on_connection_opened();
}

Task<> Http2Session::run(std::string_view first) {
    const auto& config = client_.listener->view->snapshot->config;
    const HeadLimits head{config.limits.header_size.bytes, config.limits.header_count};
    client_.expire_in(config.timeouts.client_header); // for the first request
    if (connection_.start({config.limits.streams, head}, first)) {
        client_.in.release();
        while (proceed()) co_await client_.fiber.wait();
    }
    co_await end_requests();
}

// Does what can be done now. Returns false once the connection is over.
bool Http2Session::proceed() {
    if (client_.aborted) return false;
    if (client_.is_draining() && phase_ == Phase::serving) {
        phase_ = Phase::announced;
        connection_.announce_shutdown();
        client_.expire_in(announcement_time);
    } else if (client_.timer.expired() && (phase_ == Phase::announced || !first_)) {
        if (phase_ == Phase::closing) return false; // the client does not even read that it has to go
        phase_ = Phase::closing;
        connection_.shut_down();
        set_idle_deadline();
    }
    return connection_.run_turn();
}

void Http2Session::set_idle_deadline() {
    const auto idle = client_.listener->view->snapshot->config.timeouts.client_idle;
    client_.expire_in(client_.is_draining() ? announcement_time : idle);
}

void Http2Session::on_request(http2::ArrivedRequest request) {
    auto owned = std::make_unique<Http2Request>(static_cast<RequestOwner&>(*this), client_, std::move(request));
    owned->next = std::exchange(first_, owned.get());
    if (owned->next) owned->next->previous = owned.get();
    if (phase_ == Phase::serving) client_.timer.cancel();
    spawn(std::move(owned));
}

void Http2Session::on_request_ended(Http2Request& request) {
    (request.previous ? request.previous->next : first_) = request.next;
    if (request.next) request.next->previous = request.previous;
    if (first_) return;
    if (phase_ != Phase::announced) set_idle_deadline();
    const bool may_be_over = ends_ || phase_ != Phase::serving || connection_.has_input_ended();
    if (may_be_over) client_.fiber.yield(client_.context.loop);
}

// The connection is over: so are its requests, but some first wait for others, such as a disk.
Task<> Http2Session::end_requests() {
    ends_ = true;
    connection_.fail_streams();
    for (auto* request = first_; request;) std::exchange(request, request->next)->abort();
    while (first_) co_await client_.fiber.wait();
}

Failure Http2Session::failure() const {
    if (!connection_.has_failed()) return {};
    if (connection_.error_code() == NGHTTP2_ENHANCE_YOUR_CALM)
        return {FailureReason::http2_flood, "too many frames that ask for nothing"};
    const auto word = std::min<std::size_t>(connection_.error_code(), http2_error_words.size() - 1);
    return {FailureReason::http2_protocol_error, http2_error_words[word].data()}; // a literal
}

void Http2Session::cut(const TrafficPath& path) {
    for (auto* request = first_; request;) {
        auto& visited = *std::exchange(request, request->next);
        if (visited.uses_path(path)) visited.abort();
    }
}

void Http2Session::add_work(OpenWork& work) const {
    for (const auto* request = first_; request; request = request->next) work.add(request->activity());
}

} // namespace weir::proxy::http
