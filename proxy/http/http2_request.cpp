#include "proxy/http/http2_request.h"

#include "proxy/http/refused_request.h"
#include "proxy/http1/status.h"
#include "proxy/io/frame_pool.h"
#include "proxy/log/failure_log.h"
#include "proxy/worker/begin_record.h"

#include <utility>

namespace weir::proxy::http {
namespace {

constexpr std::size_t room_for_body = 4 * 1024; // beside a head

} // namespace

Http2Request::Http2Request(RequestOwner& owner, const Client& connection, http2::ArrivedRequest arrived)
    : owner_(owner), stream_(*arrived.stream), client_(connection.context, connection.listener, connection.source),
      arrived_(std::move(arrived)) {
    client_.identity = connection.identity;
    client_.in = std::move(arrived_.head);
    client_.stream.open(stream_, client_.fiber);
}

Http2Request::~Http2Request() {
    client_.stream.close();
    owner_.on_request_ended(*this);
}

void* Http2Request::operator new(std::size_t bytes) { return take_frame(bytes); }
void Http2Request::operator delete(void* block, std::size_t bytes) noexcept { give_frame(block, bytes); }

void Http2Request::abort() {
    client_.aborted = true;
    client_.fiber.wake(); // may free this
}

Task<> Http2Request::run() {
    const auto head = arrived_.refusal.status == HeadStatus::complete ? read_head() : arrived_.refusal;
    if (head.status == HeadStatus::complete) co_await exchange();
    else refuse(head);
    if (!client_.stream.is_open()) co_return; // the exchange has cut the response: its stream may be freed already
    client_.stream.finish_sending();
    co_await wait_until_sent();
}

// Parses the head, which has the form of HTTP/1.1, with the checks of HTTP/1.1.
HeadResult Http2Request::read_head() {
    const auto& limits = client_.listener->view->snapshot->config.limits;
    auto& head = client_.context.scratch.request;
    auto& in = client_.in;
    const HeadLimits passed_before{limits.header_size.bytes, limits.header_count};
    auto result = parse_request(in.view(), passed_before, head);
    if (result.status != HeadStatus::complete) return result;
    // The body needs room, and the head must not move later.
    if (!stream_.at_end() && in.space().size() < room_for_body) {
        in.grow(in.size() + room_for_body);
        result = parse_request(in.view(), passed_before, head);
    }
    in.hold(head.length);
    if (const auto framed = request_framing(head); framed.framing.kind == BodyKind::length)
        stream_.expect_length(framed.framing.length);
    return result;
}

Task<> Http2Request::exchange() {
    Exchange exchange(client_, client_.context.scratch.request);
    exchange_ = &exchange;
    co_await exchange.run();
    exchange_ = nullptr;
    const auto& record = exchange.finish_record();
    client_.context.recorder.record(record, exchange.traffic());
    client_.counters().count_outcome(record.failure.reason, record.request.version);
}

// Responds to a head that is not a legal request. A malformed one is a stream error (RFC 9113 section 8.1.1).
void Http2Request::refuse(const HeadResult& result) {
    if (arrived_.refusal.status != HeadStatus::complete && result.code == 400) {
        record_refused(result, {});
        stream_.refuse();
        return;
    }
    Buffer page(client_.context.buffers.heads);
    const bool is_head = arrived_.method == "HEAD";
    const auto body = write_page(page, {.status = result.code,
                                        .body = is_head ? PageBody::left_out : PageBody::sent,
                                        .date = client_.context.scratch.date_now()})
                          .body_size;
    const iovec part{page.data(), page.size()};
    const auto sent = client_.stream.send({&part, 1});
    record_refused(result, {.sent = sent.bytes, .body = sent.bytes == page.size() ? body : 0});
}

void Http2Request::record_refused(const HeadResult& result, const log::ByteCounts& sent) {
    const auto listener = client_.listener->spec;
    const auto bytes = client_.in.view();
    const auto origin = find_refused_origin(peer_of(client_), bytes, listener->trusted);
    auto texts = bytes.empty() ? log::RequestTexts{arrived_.method, arrived_.path, arrived_.authority}
                               : read_refused_request(bytes);
    texts.version = conf::HttpVersion::http2;
    auto record = begin_record(client_, *listener, origin.client_ip(), texts);
    record.status = result.code;
    record.failure = {reason_of_refusal(result.code), result.reason};
    record.offending = log::excerpt(bytes, result.at);
    record.bytes = sent;
    record.bytes.received = bytes.size();
    client_.context.recorder.record(record, *listener->unrouted);
    client_.counters().count_outcome(record.failure.reason, record.request.version);
}

// Waits until the client has taken the whole response. One that takes nothing for too long loses it.
Task<> Http2Request::wait_until_sent() {
    const auto timeout = client_.listener->view->snapshot->config.timeouts.client_idle;
    auto taken = stream_.taken();
    client_.expire_in(timeout);
    while (client_.stream.is_open() && !stream_.is_closed()) {
        co_await client_.fiber.wait();
        if (!client_.aborted && !client_.timer.expired()) continue;
        const bool is_read = std::exchange(taken, stream_.taken()) != stream_.taken();
        if (client_.aborted || !is_read) client_.stream.close(HowToClose::reset);
        else client_.expire_in(timeout);
    }
}

} // namespace weir::proxy::http
