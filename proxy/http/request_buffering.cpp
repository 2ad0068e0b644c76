#include "proxy/http/request_buffering.h"

#include "proxy/log/failure_log.h"
#include "proxy/worker/backend_connector.h"

#include <string_view>

namespace weir::proxy::http {
namespace {

constexpr conf::Duration write_timeout = std::chrono::seconds(30); // of one block, whatever waits before it
constexpr std::uint64_t turn_size = 1u << 20;                      // bytes read before other connections get their turn

} // namespace

RequestBuffering::RequestBuffering(Client& client, const IncomingRequest& incoming, const conf::Timeouts& timeouts,
                                   BodyStore& store, BodyTap* tap, log::AccessRecord& record)
    : client_(client), plan_(incoming.plan), timeouts_(timeouts), store_(store), tap_(tap), record_(record),
      source_(client.stream, client.in, client.context.buffers.bodies, received_framing(client.stream, plan_.framing),
              Following::messages, plan_.body_limit ? plan_.body_limit : BodyDecoder::unlimited) {}

Task<Failure> RequestBuffering::run() {
    Failure failure;
    // A client whose body cannot fit need not send it. A body without a length is found out as it comes.
    if (!store_.has_room(plan_.framing.length)) failure = failure_of(StoreState::full);
    if (!failure && plan_.continue_wish == ContinueWish::may_wait && client_.in.empty())
        failure = co_await send_continue();
    if (!failure) failure = co_await receive_all();
    record_.bytes.received += source_.consumed();
    co_return failure;
}

// Tells the client to send the body (RFC 9110 section 10.1.1).
Task<Failure> RequestBuffering::send_continue() {
    constexpr Failure gone{FailureReason::client_closed, "within an interim response"};
    std::string_view rest = "HTTP/1.1 100 Continue\r\n\r\n";
    client_.expire_in(timeouts_.client_idle);
    for (;;) {
        const iovec part{const_cast<char*>(rest.data()), rest.size()};
        const auto sent = client_.stream.send({&part, 1});
        if (sent.status == IoStatus::ok) {
            record_.bytes.sent += sent.bytes;
            rest.remove_prefix(sent.bytes);
            if (rest.empty()) co_return Failure{};
            continue;
        }
        if (sent.status != IoStatus::would_block) co_return gone;
        co_await client_.fiber.wait();
        if (client_.aborted || client_.has_left()) co_return client_left(client_);
        if (client_.timer.expired()) co_return gone; // an error page could not follow a part of the head
    }
}

Task<Failure> RequestBuffering::receive_all() {
    for (auto turn = turn_size;;) {
        if (const auto piece = source_.next(); !piece.empty()) {
            if (tap_) tap_->on_data(piece);
            const auto failure = co_await store(piece);
            if (failure) co_return failure;
            source_.consume();
        }
        if (source_.status() == SourceStatus::ended) break;
        if (source_.status() != SourceStatus::open) co_return failure_of(source_.status());
        const bool received = source_.receive();
        if (received && source_.received() < turn) continue;
        if (received) client_.fiber.yield(client_.context.loop);
        turn = source_.received() + turn_size;
        const auto failure = co_await wait_for_bytes();
        if (failure) co_return failure;
    }
    store_.finish();
    co_return co_await wait_for_disk();
}

// Stores a piece of the body.
Task<Failure> RequestBuffering::store(std::span<const char> piece) {
    for (;;) {
        piece = piece.subspan(store_.append(piece));
        if (piece.empty()) co_return Failure{};
        const auto failure = co_await wait_for_disk();
        if (failure) co_return failure;
    }
}

// Waits until there may be more to read. The client must send at a certain rate (stall_rule.h).
Task<Failure> RequestBuffering::wait_for_bytes() {
    if (!stall_) stall_.emplace(timeouts_);
    // The rule counts each byte twice: when it comes and when it leaves.
    const auto time = stall_->renew({Due::client, Answer::awaited, 2 * source_.received(), 0});
    if (time) client_.expire_in(*time);
    co_await client_.fiber.wait();
    if (client_.aborted || client_.has_left()) co_return client_left(client_);
    if (client_.timer.expired())
        co_return Failure{FailureReason::client_timeout, "the request body arrived too slowly"};
    co_return Failure{};
}

// Waits until the store is no longer busy. Returns why it takes no more, if it does not.
Task<Failure> RequestBuffering::wait_for_disk() {
    if (store_.state() == StoreState::busy) {
        client_.expire_in(write_timeout);
        stall_.reset();
    }
    while (store_.state() == StoreState::busy) {
        co_await client_.fiber.wait();
        if (store_.state() != StoreState::busy) break;
        if (client_.aborted || client_.has_left()) co_return client_left(client_);
        if (client_.timer.expired())
            co_return Failure{FailureReason::resource_exhausted, "writing the body to state_dir timed out"};
    }
    co_return failure_of(store_.state());
}

Failure RequestBuffering::failure_of(SourceStatus status) const {
    switch (status) {
    case SourceStatus::malformed:
        record_.offending = log::excerpt(source_.malformed(), 0);
        return {FailureReason::bad_request_body, "invalid chunked coding"};
    case SourceStatus::too_large: return {FailureReason::body_too_large};
    default: return {FailureReason::client_closed, "within the body of the request"};
    }
}

Failure RequestBuffering::failure_of(StoreState state) const {
    if (state == StoreState::full) return {FailureReason::resource_exhausted, "limits.buffered_bodies is reached"};
    if (state == StoreState::failed)
        return {FailureReason::resource_exhausted, "the body cannot be buffered in state_dir", store_.error()};
    return {};
}

} // namespace weir::proxy::http
