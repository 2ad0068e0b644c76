#include "proxy/http/forward_attempt.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/keep_alive.h"
#include "proxy/transfer/tunnel.h"

#include <utility>

namespace weir::proxy::http {
namespace {

constexpr int max_drops = 8;             // before other connections get their turn
constexpr std::uint8_t max_interim = 10; // a backend that sends more 1xx responses is broken

// A client that sends or reads fewer bytes of a body than this per idle timeout counts as stalled.
constexpr std::uint64_t least_progress = 2 * 1024;

Encoding encoding_of(const Framing& framing) {
    return framing.kind == BodyKind::chunked ? Encoding::chunked : Encoding::identity;
}

std::uint64_t body_limit(const conf::Limits& limits) {
    return limits.body_size.bytes ? limits.body_size.bytes : std::numeric_limits<std::uint64_t>::max();
}

} // namespace

ForwardAttempt::ForwardAttempt(Exchange& exchange, BackendConnection& connection)
    : exchange_(exchange), client_(exchange.client_), backend_(connection),
      request_({client_.socket, connection.socket, client_.in, exchange.context_.bodies}, exchange.framing_,
               encoding_of(exchange.framing_), Following::messages,
               body_limit(exchange.view_->snapshot->config.limits)),
      request_head_size_(exchange.request_head_.size()), began_(client_.context.loop.now()),
      awaits_continue_(exchange.expects_continue_ && client_.in.empty()) {
    request_.send_first(exchange.request_head_);
    if (!exchange.upgrade_.empty()) connection.become_tunnel();
}

Task<ForwardAttempt::Result> ForwardAttempt::run() {
    last_heard_ = client_.context.loop.now();
    set_deadline();
    for (;;) {
        const auto stepped = step();
        if (stepped == Step::over) break;
        if (stepped == Step::moved) set_deadline();
        const bool listens = !response_ || response_->waiting() == Waiting::for_source;
        co_await client_.fiber.wait();
        if (listens) last_heard_ = client_.context.loop.now();
        if (client_.aborted) {
            result_ = fail(Result::client_gone, {FailureReason::drained, "the time to finish expired"});
            break;
        }
        if (backend_.is_cut()) {
            result_ = fail(has_begun() ? Result::broken_off : Result::no_answer, {FailureReason::backend_removed});
            break;
        }
        if (client_.timer.expired() && !has_been_read() && !give_up_request()) {
            result_ = on_timeout();
            break;
        }
    }
    // Half an interim head has reached the client: nothing can follow it.
    if (!response_ && !head_.empty() && result_ != Result::client_gone) {
        exchange_.report_.status = status_of(failure_.reason);
        result_ = cause_of(failure_.reason) == FailureCause::backend ? Result::cut_off : Result::broken_off;
    }
    // No byte of the response's head has been sent: the client can still get an error page.
    if (response_ && !has_begun() && result_ != Result::finished) exchange_.report_.status = 0;
    exchange_.report_.bytes_in += request_.consumed();
    if (response_) exchange_.report_.bytes_out += response_->sent();
    if (response_) exchange_.report_.body_bytes += response_->payload_sent();
    // A stalled backend would not see an orderly close behind the data that it has not read yet.
    if (!request_done_ && result_ != Result::finished) backend_.socket.close(HowToClose::reset);
    if (switched_) co_return co_await tunnel();
    co_return result_;
}

// Does all that can be done now, in both directions.
ForwardAttempt::Step ForwardAttempt::step() {
    auto did = Step::blocked;
    for (;;) {
        const auto before = progress_;
        if (!request_done_ && push_request() == Step::over) return Step::over;
        if (request_broken_ && response_) drop_upload();
        if ((response_ ? pull_response() : read_answer()) == Step::over) return Step::over;
        if (progress_ == before) break;
        did = Step::moved;
        if (std::exchange(yielded_, false)) break; // other connections get their turn first
    }
    // Check this even if a stalled backend blocks both directions.
    if (client_.has_left())
        return end(Result::client_gone,
                   {FailureReason::client_closed, response_ ? "within the response" : "before the response began"});
    return did;
}

ForwardAttempt::Step ForwardAttempt::push_request() {
    const auto before = request_.moved();
    const auto status = request_.run();
    progress_ += request_.moved() - before;
    switch (status) {
    case ForwardStatus::blocked: break;
    case ForwardStatus::done: request_done_ = true, ++progress_; break;
    case ForwardStatus::yielded: yield(); break;
    case ForwardStatus::source_ended:
    case ForwardStatus::source_failed:
        return end(Result::client_gone, {FailureReason::client_closed, "within the body of the request"});
    case ForwardStatus::malformed:
        return end(has_begun() ? Result::broken_off : Result::bad_body,
                   {FailureReason::bad_request_body, "invalid chunked coding"}, request_.malformed());
    case ForwardStatus::too_large:
        return end(has_begun() ? Result::broken_off : Result::large_body, {FailureReason::body_too_large});
    case ForwardStatus::sink_failed: request_done_ = request_broken_ = true, ++progress_; break;
    }
    return Step::moved;
}

// Discards the rest of the upload, which the backend does not take: the client may read the response only after it has
// sent everything. This does not count as progress, so the response must still be read in time.
void ForwardAttempt::drop_upload() {
    for (int i = 0; i < max_drops && client_.socket.readable(); ++i) {
        Buffer sink(client_.context.heads);
        const auto result = client_.socket.receive(sink.space());
        if (result.status != IoStatus::ok) return;
        exchange_.report_.bytes_in += result.bytes;
    }
    if (client_.socket.readable()) client_.fiber.yield(client_.context.loop);
}

// Returns true if a backend that has answered early and reads no more, and a client that reads only when it has sent
// everything, wait for each other. The request is given up then; only the response counts.
bool ForwardAttempt::give_up_request() {
    if (request_done_ || !response_ || switched_) return false;
    if (request_.waiting() != Waiting::for_sink || response_->waiting() != Waiting::for_sink) return false;
    request_done_ = request_broken_ = true;
    client_.expire_in(exchange_.timeouts_.client_idle);
    return true;
}

ForwardAttempt::Step ForwardAttempt::read_answer() {
    if (!head_.empty() && flush_interim() == Step::over) return Step::over;
    for (;;) {
        if (!backend_.in.empty()) {
            const auto taken = take_head();
            if (taken != Step::blocked)
                return taken == Step::over ? taken : response_ ? pull_response() : read_answer();
        }
        if (!backend_.socket.readable()) return Step::blocked;
        if (!backend_.in.has_memory()) backend_.in = Buffer(client_.context.heads);
        if (backend_.in.space().empty()) backend_.in.compact();
        if (backend_.in.space().empty()) backend_.in.grow(2 * backend_.in.size());
        const auto result = backend_.socket.receive(backend_.in.space());
        if (result.status == IoStatus::would_block) return Step::blocked;
        if (result.status != IoStatus::ok)
            return end(Result::no_answer,
                       {FailureReason::backend_closed,
                        backend_.in.empty() ? "before a response" : "within the head of the response", result.error},
                       backend_.in.view());
        backend_.in.fill(result.bytes);
        ++progress_;
        // A response this early does not answer a request whose head is not sent yet.
        if (request_.sent() < request_head_size_)
            return end(Result::no_answer, {FailureReason::bad_response_head, "the backend sent it before the request"},
                       backend_.in.view());
    }
}

// Returns `blocked` while the head is incomplete.
ForwardAttempt::Step ForwardAttempt::take_head() {
    const auto& limits = exchange_.view_->snapshot->config.limits;
    auto& head = client_.context.response;
    const auto parsed =
        parse_response(backend_.in.view(), {limits.header_size.bytes, limits.header_count}, head, scan_);
    if (parsed.status == HeadStatus::incomplete) return Step::blocked;
    if (parsed.status == HeadStatus::refused) {
        const bool large = parsed.code == 431 || parsed.code == 414;
        offending_at_ = parsed.at;
        return end(Result::bad_answer,
                   {large ? FailureReason::response_head_too_large : FailureReason::bad_response_head, parsed.reason},
                   backend_.in.view());
    }
    scan_ = {};
    if (head.status == 101) {
        if (exchange_.upgrade_.empty() || !same_name(head.find(FieldId::upgrade), exchange_.upgrade_))
            return end(Result::bad_answer,
                       {FailureReason::bad_response_head, "it switches to a protocol that the request did not offer"});
        switched_ = true;
        return begin_answer(head);
    }
    return head.status < 200 ? pass_interim(head) : begin_answer(head);
}

ForwardAttempt::Step ForwardAttempt::pass_interim(const ResponseHead& head) {
    if (++interim_ > max_interim)
        return end(Result::bad_answer, {FailureReason::bad_response_head, "too many interim responses"});
    if (head.status == 100) awaits_continue_ = false;
    if (exchange_.report_.minor_version > 0) { // RFC 9110 section 15.2: not for HTTP/1.0
        if (!head_.has_memory()) head_ = Buffer(client_.context.heads);
        write_response(head_, head, {});
    }
    backend_.in.consume(head.length);
    ++progress_;
    return flush_interim();
}

ForwardAttempt::Step ForwardAttempt::flush_interim() {
    while (!head_.empty()) {
        const iovec part{head_.data(), head_.size()};
        const auto sent = client_.socket.send({&part, 1});
        if (sent.status == IoStatus::would_block) return Step::blocked;
        if (sent.status != IoStatus::ok)
            return end(Result::client_gone, {FailureReason::client_closed, "within an interim response", sent.error});
        head_.consume(sent.bytes);
        exchange_.report_.bytes_out += sent.bytes;
    }
    head_.rewind();
    return Step::moved;
}

ForwardAttempt::Step ForwardAttempt::begin_answer(const ResponseHead& head) {
    const auto framed = response_framing(head, exchange_.answer_to_);
    if (framed.error)
        return end(Result::bad_answer, {FailureReason::bad_response_head, framed.error}, backend_.in.view());
    exchange_.note_answer_begun(began_);
    const auto options = connection_options(head.fields);
    backend_keeps_ = !options.close && (head.minor_version == 1 || options.keep_alive) &&
                     framed.framing.kind != BodyKind::until_close;
    backend_idle_timeout_ = keep_alive_timeout(head.fields);
    auto told = framed.framing;
    const bool old_client = exchange_.report_.minor_version == 0;
    // A body that ends when the backend closes is sent chunked to HTTP/1.1 clients, so that they detect truncation.
    if (told.kind == BodyKind::until_close && !old_client) told = {BodyKind::chunked};
    else if (told.kind == BodyKind::chunked && old_client) told = {BodyKind::until_close};
    if (told.kind == BodyKind::until_close || client_.is_draining()) exchange_.next_ = Connection::close;
    if (!request_done_ || request_broken_) exchange_.next_ = Connection::close; // the request may be left half-read
    follows_interim_ = !head_.empty();
    if (!head_.has_memory()) head_ = Buffer(client_.context.heads);
    const auto upgrade = switched_ ? head.find(FieldId::upgrade) : std::string_view();
    write_response(head_, head,
                   {told, exchange_.report_.minor_version, exchange_.next_, upgrade, exchange_.cookie_,
                    client_.context.date_now()});
    exchange_.report_.status = head.status;
    if (switched_) exchange_.note_switch();
    backend_.in.consume(head.length);
    response_.emplace(BodyForwarder::Ends{backend_.socket, client_.socket, backend_.in, client_.context.bodies},
                      switched_ ? Framing{} : framed.framing, encoding_of(told), Following::nothing);
    response_->send_first(head_);
    ++progress_;
    return Step::moved;
}

ForwardAttempt::Step ForwardAttempt::pull_response() {
    const auto before = response_->moved();
    const auto status = response_->run();
    progress_ += response_->moved() - before;
    if (request_done_ && has_begun()) exchange_.request_head_.release(); // no other try will need it
    switch (status) {
    case ForwardStatus::blocked: return Step::blocked;
    case ForwardStatus::yielded: yield(); return Step::blocked;
    case ForwardStatus::done: return finish_response();
    case ForwardStatus::sink_failed:
        return end(Result::client_gone, {FailureReason::client_closed, "within the response"});
    case ForwardStatus::malformed:
        return end(has_begun() ? Result::cut_off : Result::bad_answer,
                   {FailureReason::bad_response_body, "invalid chunked coding"}, response_->malformed());
    default:
        return end(has_begun() ? Result::cut_off : Result::bad_answer,
                   {FailureReason::response_truncated, "the backend closed within the body"});
    }
}

ForwardAttempt::Step ForwardAttempt::finish_response() {
    const bool request_whole = request_done_ && !request_broken_;
    if (!request_whole) exchange_.next_ = Connection::close;
    reusable_ = backend_keeps_ && request_whole && !response_->has_surplus() && !switched_;
    result_ = Result::finished;
    return Step::over;
}

void ForwardAttempt::yield() {
    yielded_ = true;
    client_.fiber.yield(client_.context.loop);
}

ForwardAttempt::Step ForwardAttempt::end(Result result, const Failure& failure, std::string_view offending) {
    result_ = fail(result, failure);
    offending_ = offending;
    return Step::over;
}

ForwardAttempt::Result ForwardAttempt::fail(Result result, const Failure& failure) {
    failure_ = failure;
    return result;
}

std::string ForwardAttempt::offending() const {
    return offending_.empty() ? "" : log::excerpt(offending_, offending_at_);
}

void ForwardAttempt::set_deadline() {
    const auto& timeouts = exchange_.timeouts_;
    const auto due = due_from();
    const auto answered = response_ ? response_->moved() : 0;
    // Any byte of the response, or of a request that is being sent, keeps a backend alive; a client must move more.
    const bool lively = due == Due::backend && (!response_ || answered != answered_);
    answered_ = answered;
    if (due == due_ && !lively && progress_ - window_start_ < least_progress) return;
    due_ = due;
    window_start_ = progress_;
    unacked_bytes_ = response_ && due == Due::client ? client_.socket.unacked_bytes() : 0;
    client_.expire_in(due == Due::client ? timeouts.client_idle : response_ ? timeouts.stream_idle : timeouts.response);
}

ForwardAttempt::Due ForwardAttempt::due_from() const {
    if (response_) return response_->waiting() == Waiting::for_sink ? Due::client : Due::backend;
    if (request_done_ || request_.waiting() == Waiting::for_sink) return Due::backend;
    return awaits_continue_ && request_.received() == 0 ? Due::backend : Due::client;
}

// Returns true if a part of the response, or of an interim response before it, may have reached the client.
bool ForwardAttempt::has_begun() const { return response_ && (response_->sent() > 0 || follows_interim_); }

// The kernel reports late that a client reads: only after the client has taken a good part of the queued bytes.
bool ForwardAttempt::has_been_read() {
    if (!response_ || due_ != Due::client || due_from() != Due::client) return false;
    const auto before = std::exchange(unacked_bytes_, client_.socket.unacked_bytes());
    if (before < unacked_bytes_ + least_progress / 2) return false;
    client_.expire_in(exchange_.timeouts_.client_idle);
    return true;
}

ForwardAttempt::Result ForwardAttempt::on_timeout() {
    const bool on_client = due_from() == Due::client;
    const Failure slow_upload{FailureReason::client_timeout, "the request body arrived too slowly"};
    if (!response_ && on_client) return fail(Result::slow_client, slow_upload);
    if (!response_) return fail(Result::slow_answer, {FailureReason::backend_timeout});
    if (on_client)
        return fail(Result::client_gone, {FailureReason::client_timeout, "the client read the response too slowly"});
    // The backend may have waited for the upload.
    if (!request_done_ && request_.waiting() == Waiting::for_source) return fail(Result::broken_off, slow_upload);
    return fail(Result::cut_off, {FailureReason::stream_idle});
}

// Both ends have agreed on another protocol: from here on, bytes are forwarded as they come (RFC 9110 section 7.8).
Task<ForwardAttempt::Result> ForwardAttempt::tunnel() {
    if (result_ != Result::finished) co_return result_;
    exchange_.next_ = Connection::close;
    tcp::Tunnel through(client_, backend_);
    // WebSocket has no half-closed connections (RFC 6455 section 7); other protocols may use them.
    const auto end = same_word(exchange_.upgrade_, "websocket") ? tcp::ClientEnd::closes : tcp::ClientEnd::half_closes;
    co_await through.run(exchange_.timeouts_, end);
    exchange_.report_.bytes_in += through.sent_to_backend();
    exchange_.report_.bytes_out += through.sent_to_client();
    exchange_.report_.body_bytes += through.sent_to_client();
    exchange_.report_.failure = through.failure();
    if (cause_of(through.failure().reason) == FailureCause::backend) {
        const auto& search = exchange_.selection_;
        client_.context.record_try(exchange_.describe(), *search.pool().spec->members[search.last()].backend);
    }
    co_return Result::finished;
}

} // namespace weir::proxy::http
