#include "proxy/http/session.h"

#include "proxy/http/refused_request.h"
#include "proxy/http1/status.h"
#include "proxy/log/failure_log.h"
#include "proxy/worker/begin_record.h"

#include <utility>

namespace weir::proxy::http {
namespace {

// How long a draining worker waits for the next request of a client to which it has just responded. The response to
// that request says "close". An immediate close could lose a request that the client is about to send.
constexpr auto afterthought_time = std::chrono::seconds(1);

// How long a client that has received an early response may go on sending: in total, and between two reads; less while
// draining.
constexpr auto linger_time = std::chrono::seconds(30);
constexpr conf::Duration linger_silence = std::chrono::seconds(2), hurried_silence = std::chrono::milliseconds(200);

// How long a client may go without reading while weir still has the end of its response to send.
constexpr conf::Duration send_time = std::chrono::seconds(10);

constexpr std::size_t body_room = head_block_size - 16 * 1024; // beside a head

constexpr HeadResult gone{HeadStatus::incomplete};

constexpr std::string_view http2_preface(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN); // RFC 9113 section 3.4

} // namespace

void Session::drain() {
    if (idle_ || http2_) client_.fiber.wake();
}

void Session::cut(const TrafficPath& path) {
    if (http2_) http2_->cut(path);
    else if (exchange_ && exchange_->uses_path(path)) abort();
}

void Session::add_work(OpenWork& work) const {
    if (http2_) http2_->add_work(work);
    else if (exchange_) work.add(exchange_->is_tunnel() ? Activity::tunnel : Activity::request);
    else work.add(idle_ ? Activity::idle : Activity::request);
}

HeadLimits Session::limits() const {
    const auto& limits = client_.listener->view->snapshot->config.limits;
    return {limits.header_size.bytes, limits.header_count};
}

Task<> Session::run() {
    const bool welcome = co_await begin();
    if (begin_failure()) co_await report_begin_failure();
    bool is_http2 = false;
    if (welcome) is_http2 = co_await chooses_http2();
    const bool is_late = welcome && client_.timer.expired() && client_.in.empty();
    if (is_http2) co_await serve_http2();
    else if (welcome && !is_late && !client_.aborted) co_await serve_http1();
    if (!told_ || !client_.stream.is_open() || client_.aborted) co_return;
    if (client_.stream.unsent_bytes() > 0 || !client_.stream.at_end()) co_await linger();
}

// With TLS, the client has chosen by ALPN. Without it, it begins with the preface of HTTP/2, or not.
Task<bool> Session::chooses_http2() {
    if (!client_.listener->spec->config.speaks_http2()) co_return false;
    if (const auto* tls = client_.stream.tls()) co_return tls->protocol() == "h2";
    idle_since_ = client_.context.loop.now(); // the time for the first head has begun already
    while (client_.in.size() < http2_preface.size() && http2_preface.starts_with(client_.in.view()))
        if (!co_await wait_for_bytes()) co_return false;
    co_return client_.in.view().starts_with(http2_preface);
}

Task<> Session::serve_http2() {
    idle_ = first_ = false;
    Http2Session session(client_);
    http2_ = &session;
    const Buffer first = std::move(client_.in);
    co_await session.run(first.view());
    http2_ = nullptr;
    if (session.failure()) record_refused(session.failure(), status_of(session.failure().reason));
    told_ = true; // it must be able to read why the connection ends
}

Task<> Session::serve_http1() {
    for (;;) {
        const auto head = co_await read_head();
        if (head.status == HeadStatus::incomplete) {
            record_left();
            break;
        }
        if (head.status == HeadStatus::refused) {
            co_await refuse(head, reason_of_refusal(head.code));
            break;
        }
        client_.in.hold(client_.context.scratch.request.length);
        auto after = Connection::close;
        {
            Exchange exchange(client_, client_.context.scratch.request);
            exchange_ = &exchange;
            after = co_await exchange.run();
            exchange_ = nullptr;
            told_ = true;
            const auto& record = exchange.finish_record();
            client_.context.recorder.record(record, exchange.traffic());
            client_.counters().count_outcome(record.failure.reason, record.request.version);
        }
        if (after == Connection::close || !client_.stream.is_open()) break;
        client_.in.drop_held();
        client_.in.compact();
        if (!client_.in.empty()) { // the next request is here already: let other connections run first
            client_.fiber.yield(client_.context.loop);
            co_await client_.fiber.wait();
            if (client_.aborted) break;
        }
    }
}

// A client that speaks plain HTTP on a TLS port gets a plain response.
Task<> Session::report_begin_failure() {
    const auto& failure = begin_failure();
    if (!client_.stream.tls() || !client_.stream.tls()->got_plain_http()) {
        record_refused(failure, status_of(failure.reason));
        co_return;
    }
    client_.stream.abandon_tls();
    co_await refuse({HeadStatus::refused, status_of(failure.reason), failure.detail}, failure.reason,
                    "This port expects HTTPS: use https:// in the URL.");
}

// Some clients send an empty line after a body. It does not start a new request.
bool Session::says_nothing() const { return client_.in.empty() || client_.in.view() == "\r\n"; }

// Returns `incomplete` if there is no request and there will be none.
Task<HeadResult> Session::read_head() {
    const auto& timeouts = client_.listener->view->snapshot->config.timeouts;
    idle_ = says_nothing();
    idle_since_ = client_.context.loop.now();
    scan_ = {};
    client_.expire_in(first_ || !idle_ ? timeouts.client_header : timeouts.client_idle);
    for (;;) {
        if (!client_.in.empty()) {
            const auto result = parse_request(client_.in.view(), limits(), client_.context.scratch.request, scan_);
            if (result.status == HeadStatus::complete && client_.in.space().size() < body_room) {
                client_.in.compact();
                client_.in.grow(client_.in.size() +
                                2 * body_room); // the body needs room, and the head must not move later
                continue;
            }
            if (result.status != HeadStatus::incomplete) {
                idle_ = first_ = false;
                co_return result;
            }
            const bool begins = idle_ && !says_nothing();
            if (begins && !first_) client_.expire_in(client_.listener->view->snapshot->config.timeouts.client_header);
            if (begins) idle_ = false;
        }
        const bool more = co_await wait_for_bytes();
        if (!more && client_.timer.expired() && !idle_)
            co_return HeadResult{HeadStatus::refused, 408, "the head did not arrive in time"};
        if (!more) co_return gone;
    }
}

// Reads more bytes. Returns false if the client is gone, late, or no longer served.
Task<bool> Session::wait_for_bytes() {
    for (;;) {
        if (client_.stream.readable()) {
            if (!client_.in.has_memory()) client_.in = Buffer(client_.context.buffers.heads);
            if (client_.in.space().empty()) client_.in.compact();
            if (client_.in.space().empty()) client_.in.grow(limits().size + body_room);
            const auto result = client_.stream.receive(client_.in.space());
            client_.in.fill(result.bytes);
            if (result.status == IoStatus::ok) co_return true;
            if (result.status != IoStatus::would_block) co_return false;
        }
        if (client_.in.empty()) client_.in.release();
        if (idle_ && client_.is_draining()) {
            // A client that has just connected, or has just received a response, may have sent a request that is on its
            // way.
            const auto until = idle_since_ + afterthought_time;
            if (first_) client_.expire_in(newcomer_time);
            else if (client_.context.loop.now() < until) client_.timer.set(until);
            else if (client_.stream.is_idle()) co_return false;
            else continue;
        }
        co_await client_.fiber.wait();
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
}

// Responds to a head that is not a legal request.
Task<> Session::refuse(const HeadResult& result, FailureReason reason, std::string_view hint) {
    Buffer page(client_.context.buffers.heads);
    const auto body =
        write_page(page, {.status = result.code, .date = client_.context.scratch.date_now(), .hint = hint}).body_size;
    const iovec part{page.data(), page.size()};
    // A page fits any socket buffer that is not full, and a full one belongs to a client that reads nothing.
    const auto sent = client_.stream.send({&part, 1});
    auto offending = result.code == 408 ? std::string() : log::excerpt(client_.in.view(), result.at);
    record_refused({reason, result.reason}, result.code, std::move(offending),
                   {.sent = sent.bytes, .body = sent.bytes == page.size() ? body : 0});
    told_ = told_ || sent.status == IoStatus::ok;
    co_return;
}

// Closing with unread bytes would reset the connection, and the client might never see the response.
Task<> Session::linger() {
    client_.stream.finish_sending();
    const auto end = client_.context.loop.now() + linger_time;
    Buffer sink(client_.context.buffers.heads);
    while (client_.context.loop.now() < end) {
        const auto result = client_.stream.receive(sink.space());
        const bool ended = result.status == IoStatus::end; // a TLS client that has sent close_notify may still read
        if (result.status == IoStatus::failed || (ended && client_.stream.unsent_bytes() == 0)) co_return;
        if (result.status == IoStatus::ok) client_.fiber.yield(client_.context.loop);
        const auto silence = client_.is_draining() ? hurried_silence : linger_silence;
        client_.expire_in(client_.stream.unsent_bytes() > 0 ? std::max(silence, send_time) : silence);
        co_await client_.fiber.wait();
        if (client_.aborted || (client_.timer.expired() && (ended || !client_.stream.readable()))) co_return;
    }
}

// Logs a request that had begun when the connection ended: the client left, or the drain time ran out.
void Session::record_left() {
    if (idle_ || says_nothing()) return;
    const auto reason = client_.aborted ? FailureReason::drained : FailureReason::client_closed;
    record_refused({reason, "within the head of a request"}, status_of(reason));
}

// Logs and counts bytes that did not become a request. `sent` is what the client was sent.
void Session::record_refused(const Failure& failure, int status, std::string offending, const log::ByteCounts& sent) {
    const auto bytes = client_.in.view();
    const auto listener = client_.listener->spec;
    auto peer = peer_of(client_);
    if (!is_source_known()) peer.trust = Trust::untrusted; // the bytes are not the proxy's yet
    const auto origin = find_refused_origin(peer, bytes, listener->trusted);
    auto record = begin_record(client_, *listener, origin.client_ip(), read_refused_request(bytes));
    record.status = status;
    record.failure = failure;
    record.offending = std::move(offending);
    record.bytes = sent;
    record.bytes.received = bytes.size();
    client_.context.recorder.record(record, *listener->unrouted);
    client_.counters().count_outcome(failure.reason, record.request.version);
}

} // namespace weir::proxy::http
