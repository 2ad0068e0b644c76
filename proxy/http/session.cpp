#include "proxy/http/session.h"

namespace weir::proxy::http {
namespace {

// How long weir, about to leave, waits for the next request of a client that it has just answered: the answer to that
// one tells it to come back on another connection. Closed at once, it might be about to ask, and lose the request.
constexpr auto afterthought_time = std::chrono::seconds(1);

// How long a client that was answered early may go on sending: in all, and between two pieces; less when weir leaves.
constexpr auto linger_time = std::chrono::seconds(30);
constexpr conf::Duration linger_silence = std::chrono::seconds(2), hurried_silence = std::chrono::milliseconds(200);

constexpr std::size_t body_room = head_block_size - 16 * 1024; // beside a head

constexpr HeadResult gone{HeadStatus::incomplete};

} // namespace

void Session::drain() {
    if (idle_) client_.fiber.wake();
}

HeadLimits Session::limits() const {
    const auto& limits = client_.listener->view->snapshot->config.limits;
    return {limits.header_size.bytes, limits.header_count};
}

Task<> Session::run() {
    const bool welcome = co_await receive_proxy_header();
    while (welcome) {
        const auto head = co_await read_head();
        if (head.status == HeadStatus::incomplete) break;
        const auto began = client_.context.loop.now();
        if (head.status == HeadStatus::refused) {
            co_await refuse(head);
            break;
        }
        client_.in.hold(client_.context.request.length);
        auto after = Connection::close;
        {
            Exchange exchange(client_, client_.context.request);
            exchange_ = &exchange;
            after = co_await exchange.run();
            exchange_ = nullptr;
            told_ = true;
            record(exchange.report(), began);
        }
        if (after == Connection::close || !client_.socket.is_open()) break;
        client_.in.drop_held();
        client_.in.compact();
        if (!client_.in.empty()) { // the next request is here: others have waited meanwhile
            client_.fiber.yield(client_.context.loop);
            co_await client_.fiber.wait();
            if (client_.aborted) break;
        }
    }
    if (told_ && client_.socket.is_open() && !client_.aborted && !client_.socket.at_end()) co_await linger();
}

// Some clients send an empty line after a body, and none before it is theirs to speak again.
bool Session::says_nothing() const { return client_.in.empty() || client_.in.view() == "\r\n"; }

// `incomplete`: there is no request and there will be none.
Task<HeadResult> Session::read_head() {
    const auto& timeouts = client_.listener->view->snapshot->config.timeouts;
    idle_ = says_nothing();
    idle_since_ = client_.context.loop.now();
    scan_ = {};
    client_.expire_in(first_ || !idle_ ? timeouts.client_header : timeouts.client_idle);
    for (;;) {
        if (!client_.in.empty()) {
            const auto result = parse_request(client_.in.view(), limits(), client_.context.request, scan_);
            if (result.status == HeadStatus::complete && client_.in.space().size() < body_room) {
                client_.in.compact();
                client_.in.grow(client_.in.size() +
                                2 * body_room); // the body needs room, and the head must not move then
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
            co_return HeadResult{HeadStatus::refused, 408, "the head did not come in time"};
        if (!more) co_return gone;
    }
}

// Reads something; false where the client is gone, late, or not wanted any more.
Task<bool> Session::wait_for_bytes() {
    for (;;) {
        if (client_.socket.readable()) {
            if (!client_.in.has_memory()) client_.in = Buffer(client_.context.heads);
            if (client_.in.space().empty()) client_.in.compact();
            if (client_.in.space().empty()) client_.in.grow(limits().size + body_room);
            const auto result = client_.socket.receive(client_.in.space());
            client_.in.fill(result.bytes);
            if (result.status == IoStatus::ok) co_return true;
            if (result.status != IoStatus::would_block) co_return false;
        }
        if (client_.in.empty()) client_.in.release();
        if (idle_ && client_.is_draining()) {
            // Whoever has just connected or been answered is about to ask, and a request may be on its way here
            // already.
            const auto until = idle_since_ + afterthought_time;
            if (first_) client_.expire_in(newcomer_time);
            else if (client_.context.loop.now() < until) client_.timer.set(until);
            else if (client_.socket.is_quiet()) co_return false;
            else continue;
        }
        co_await client_.fiber.wait();
        if (client_.aborted || client_.timer.expired()) co_return false;
    }
}

// Answers what is not a request.
Task<> Session::refuse(const HeadResult& result) {
    ExchangeReport report;
    report.status = result.code;
    Buffer page(client_.context.heads);
    write_page(page, result.code, Connection::close, PageBody::sent);
    const iovec part{page.data(), page.size()};
    // A page fits any socket buffer that is not full, and one that is full belongs to a client that reads nothing.
    const auto sent = client_.socket.send({&part, 1});
    report.bytes_out = sent.bytes;
    report.bytes_in = client_.in.size();
    record(report, client_.context.loop.now());
    told_ = sent.status == IoStatus::ok;
    co_return;
}

// Closing with bytes unread would reset the connection, and the client might never see the answer.
Task<> Session::linger() {
    client_.socket.finish_sending();
    const auto end = client_.context.loop.now() + linger_time;
    Buffer sink(client_.context.heads);
    while (client_.context.loop.now() < end) {
        const auto result = client_.socket.receive(sink.space());
        if (result.status != IoStatus::ok && result.status != IoStatus::would_block) co_return;
        if (result.status == IoStatus::ok) client_.fiber.yield(client_.context.loop);
        client_.expire_in(client_.is_draining() ? hurried_silence : linger_silence);
        co_await client_.fiber.wait();
        if (client_.aborted || (client_.timer.expired() && !client_.socket.readable())) co_return;
    }
}

void Session::record(const ExchangeReport& report, TimePoint began) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
    auto& counters = client_.counters();
    counters.count_request(report.status, took);
    counters.bytes_in.add(report.bytes_in);
    counters.bytes_out.add(report.bytes_out);
    client_.context.write_access_line({client_.ip, report.method, report.target, report.host, report.referer,
                                       report.user_agent, client_.listener->spec->config.name, report.pool,
                                       report.backend, report.minor_version, report.status, report.bytes_out, took,
                                       report.retries});
}

} // namespace weir::proxy::http
