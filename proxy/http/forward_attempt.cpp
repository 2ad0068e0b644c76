#include "proxy/http/forward_attempt.h"

#include "proxy/http1/chars.h"
#include "proxy/transfer/tunnel.h"

#include <utility>

namespace weir::proxy::http {
namespace {

constexpr int switching_protocols = 101;

} // namespace

ForwardAttempt::ForwardAttempt(const AttemptJob& job, BackendConnection& backend)
    : job_(job), backend_(backend),
      upload_(job.client, backend, job.plan, job.request_head, job.body, job.tap, job.request_trailers),
      download_(job.client, backend), stall_(job.timeouts), began_(job.client.context.loop.now()), last_heard_(began_) {
    if (!job.plan.upgrade.empty()) backend.become_tunnel();
}

Task<AttemptResult> ForwardAttempt::run() {
    set_deadline();
    for (;;) {
        const auto stepped = step();
        if (stepped == Step::over) break;
        if (stepped == Step::moved) set_deadline();
        const bool listens =
            !download_.has_begun() || (download_.waiting() == Waiting::for_source && !download_.awaits_turn());
        co_await job_.client.fiber.wait();
        if (listens) last_heard_ = job_.client.context.loop.now();
        if (has_been_woken_to_end()) break;
    }
    settle();
    if (switched_) co_return co_await tunnel();
    co_return end_.result;
}

// Returns true if the attempt is over because of a drain, a removed backend, the client's deadline or a timeout.
bool ForwardAttempt::has_been_woken_to_end() {
    if (job_.client.aborted) {
        end_ = {AttemptResult::client_gone, {FailureReason::drained, "the time to finish expired"}};
        return true;
    }
    if (backend_.is_cut()) {
        const bool reached = download_.has_reached_client();
        end_ = {reached ? AttemptResult::broken_off : AttemptResult::no_answer, {FailureReason::backend_removed}};
        return true;
    }
    if (!job_.client.timer.expired()) return false;
    if (job_.client.is_late()) {
        const bool reached = download_.has_reached_client();
        end_ = {reached ? AttemptResult::broken_off : AttemptResult::late,
                {FailureReason::deadline_exceeded, reached ? "within the response" : "before the response began"}};
        return true;
    }
    if (is_held_back() || is_being_read() || give_up_request()) return false;
    end_ = timed_out();
    return true;
}

// Adds up what was forwarded, and decides whether the client can still receive an error page.
void ForwardAttempt::settle() {
    auto& record = job_.record;
    // Half an interim head has reached the client: nothing can follow it.
    if (download_.has_queued_interim() && end_.result != AttemptResult::client_gone) {
        record.status = status_of(end_.failure.reason);
        const bool backends = cause_of(end_.failure.reason) == FailureCause::backend;
        end_.result = backends ? AttemptResult::cut_off : AttemptResult::broken_off;
    }
    record.bytes.received += upload_.consumed();
    if (download_.has_begun()) {
        // No byte of the response's head has been sent: the client can still get an error page.
        if (!download_.has_reached_client() && end_.result != AttemptResult::finished) record.status = 0;
        record.bytes.sent += download_.sent();
        record.bytes.body += download_.payload_sent();
        if (download_.compresses_body()) download_.count_compression();
    }
    // A stalled backend would not see an orderly close behind the data that it has not read yet.
    if (!upload_.is_done() && end_.result != AttemptResult::finished) backend_.stream.close(HowToClose::reset);
}

// Does all that can be done now, in both directions.
ForwardAttempt::Step ForwardAttempt::step() {
    auto did = Step::blocked;
    for (;;) {
        const auto before = progress_;
        if (!upload_.is_done() && push_request() == Step::over) return Step::over;
        // This does not count as progress, so the response must still be read in time.
        if (upload_.is_broken() && download_.has_begun() && upload_.reads_client())
            job_.record.bytes.received += discard_upload(job_.client);
        if ((download_.has_begun() ? pull_response() : read_answer()) == Step::over) return Step::over;
        const bool yielded = std::exchange(yielded_, false);
        if (progress_ == before) break;
        did = Step::moved;
        if (yielded) break; // other connections get their turn first
    }
    // Check this even if a stalled backend blocks both directions.
    if (job_.client.has_left())
        return end(AttemptResult::client_gone,
                   {FailureReason::client_closed,
                    download_.has_begun() ? "within the response" : "before the response began"});
    return did;
}

ForwardAttempt::Step ForwardAttempt::push_request() {
    const auto before = upload_.moved();
    const auto status = upload_.run();
    progress_ += upload_.moved() - before;
    const bool reached = download_.has_reached_client();
    switch (status) {
    case ForwardStatus::blocked: break;
    case ForwardStatus::done:
        ++progress_;
        job_.events.on_upload_whole();
        break;
    case ForwardStatus::sink_failed: ++progress_; break;
    case ForwardStatus::yielded: yield(); break;
    case ForwardStatus::source_ended:
    case ForwardStatus::source_failed:
        if (!upload_.reads_client())
            return end(reached ? AttemptResult::broken_off : AttemptResult::lost_body, disk_failed());
        return end(AttemptResult::client_gone, {FailureReason::client_closed, "within the body of the request"});
    case ForwardStatus::malformed:
        return end(reached ? AttemptResult::broken_off : AttemptResult::bad_body,
                   {FailureReason::bad_request_body, "invalid chunked coding"}, upload_.malformed());
    case ForwardStatus::too_large:
        return end(reached ? AttemptResult::broken_off : AttemptResult::large_body, {FailureReason::body_too_large});
    }
    return Step::moved;
}

// Returns the failure of a stored body that cannot be read.
Failure ForwardAttempt::disk_failed() const {
    return {FailureReason::resource_exhausted, "the buffered body cannot be read from state_dir",
            upload_.store_error()};
}

// Returns true if a backend that has responded early and reads no more, and a client that reads only after it has sent
// everything, wait for each other. The rest of the request is then given up; only the response counts.
bool ForwardAttempt::give_up_request() {
    if (upload_.is_done() || !download_.has_begun() || switched_) return false;
    if (upload_.waiting() != Waiting::for_sink || download_.waiting() != Waiting::for_sink) return false;
    upload_.break_off();
    job_.client.expire_in(job_.timeouts.client_idle);
    return true;
}

// Returns the failure of a connection that ended before a response head was complete. With TLS 1.3, a backend refuses
// a client certificate only after the handshake.
Failure ForwardAttempt::closed(const IoResult& result) const {
    const auto* tls = backend_.stream.tls();
    if (tls && tls->got_alert()) return {FailureReason::backend_tls_failed, tls->error()};
    return {FailureReason::backend_closed,
            backend_.in.empty() ? "before a response" : "within the head of the response", result.error};
}

// The connection, or the stream, has ended before a response head was complete.
ForwardAttempt::Step ForwardAttempt::end_unanswered(const IoResult& result) {
    using Kind = StreamFailure::Kind;
    const auto [kind, detail] = backend_.stream.failure();
    const bool is_untouched = !upload_.reads_client() || upload_.consumed() == 0;
    switch (kind) {
    case Kind::unprocessed:
    case Kind::unseen:
        return end(is_untouched ? AttemptResult::refused : AttemptResult::no_answer,
                   {FailureReason::backend_http2_failed, detail});
    case Kind::lost:
    case Kind::reset: return end(AttemptResult::no_answer, {FailureReason::backend_http2_failed, detail});
    case Kind::unsupported: return end(AttemptResult::unsupported, {FailureReason::backend_http2_failed, detail});
    case Kind::malformed: return end(AttemptResult::bad_answer, {FailureReason::bad_response_head, detail});
    case Kind::too_large: return end(AttemptResult::bad_answer, {FailureReason::response_head_too_large, detail});
    case Kind::none: break;
    }
    return end(AttemptResult::no_answer, closed(result), backend_.in.view());
}

ForwardAttempt::Step ForwardAttempt::read_answer() {
    if (download_.has_queued_interim() && flush_interim() == Step::over) return Step::over;
    for (;;) {
        if (!backend_.in.empty()) {
            const auto taken = take_head();
            if (taken == Step::over) return taken;
            if (taken == Step::moved && download_.has_begun()) return pull_response();
            if (taken == Step::moved) continue;
        }
        if (!backend_.stream.readable()) return Step::blocked;
        const auto result = download_.receive();
        if (result.status == IoStatus::would_block) return Step::blocked;
        if (result.status != IoStatus::ok) return end_unanswered(result);
        ++progress_;
        // A response cannot belong to this request if it arrives before the request's head is sent.
        if (!upload_.is_head_sent())
            return end(AttemptResult::no_answer,
                       {FailureReason::bad_response_head, "the backend sent it before the request"},
                       backend_.in.view());
    }
}

// Takes one head. Returns `blocked` while it is incomplete, or while the client takes no more of an interim one.
ForwardAttempt::Step ForwardAttempt::take_head() {
    const auto& head = job_.client.context.scratch.response;
    const auto parsed = download_.parse({job_.limits.header_size.bytes, job_.limits.header_count});
    if (parsed.status == HeadStatus::incomplete) return Step::blocked;
    if (parsed.status == HeadStatus::refused) {
        const bool large = parsed.code == 431 || parsed.code == 414;
        return end(AttemptResult::bad_answer,
                   {large ? FailureReason::response_head_too_large : FailureReason::bad_response_head, parsed.reason},
                   backend_.in.view(), parsed.at);
    }
    if (head.status >= 200) return begin_answer(head);
    if (head.status == switching_protocols) {
        if (job_.plan.upgrade.empty() || !same_name(head.find(FieldId::upgrade), job_.plan.upgrade))
            return end(AttemptResult::bad_answer,
                       {FailureReason::bad_response_head, "it switches to a protocol that the request did not offer"});
        switched_ = true;
        return begin_answer(head);
    }
    if (head.status == 100) upload_.note_continue();
    if (!download_.take_interim(head, job_.record.request.version))
        return end(AttemptResult::bad_answer, {FailureReason::bad_response_head, "too many interim responses"});
    ++progress_;
    return flush_interim();
}

ForwardAttempt::Step ForwardAttempt::flush_interim() {
    const auto flushed = download_.flush_interim(job_.record.bytes.sent);
    if (flushed.status == IoStatus::ok) return Step::moved;
    if (flushed.status == IoStatus::would_block) return Step::blocked;
    return end(AttemptResult::client_gone, {FailureReason::client_closed, "within an interim response", flushed.error});
}

ForwardAttempt::Step ForwardAttempt::begin_answer(const ResponseHead& head) {
    const auto framed = response_framing(head, job_.plan.answer_to);
    if (framed.error)
        return end(AttemptResult::bad_answer, {FailureReason::bad_response_head, framed.error}, backend_.in.view());
    job_.events.on_answer_begun(began_);
    const auto client_version = job_.record.request.version;
    auto told = framing_for_client(framed.framing, client_version);
    std::optional<ContentChange> content;
    if (job_.plan.compression.rules && !switched_) {
        content = download_.compress(head, framed.framing, job_.plan.compression);
        if (download_.compresses_body()) told = framing_for_client({BodyKind::chunked}, client_version);
    }
    // An upload that is not whole may leave the request half-read.
    const bool may_be_half_read = !upload_.is_whole() && upload_.reads_client();
    if (told.kind == BodyKind::until_close || job_.client.is_draining() || may_be_half_read)
        job_.connection = Connection::close;
    job_.record.status = head.status;
    if (switched_) job_.events.on_switched();
    const auto upgrade = switched_ ? head.find(FieldId::upgrade) : std::string_view();
    download_.begin(head, switched_ ? Framing{} : framed.framing,
                    {told, client_version, job_.connection, upgrade, job_.cookie,
                     job_.client.context.scratch.date_now(), job_.edit, content ? &*content : nullptr, job_.mapping});
    ++progress_;
    return Step::moved;
}

ForwardAttempt::Step ForwardAttempt::pull_response() {
    const auto before = download_.moved();
    const auto status = download_.run();
    progress_ += download_.moved() - before;
    const bool reached = download_.has_reached_client();
    if (upload_.is_done() && reached) { // no other try will need them
        job_.request_head.release();
        if (job_.body) job_.body->clear();
    }
    switch (status) {
    case ForwardStatus::blocked: return Step::blocked;
    case ForwardStatus::yielded: yield(); return Step::blocked;
    case ForwardStatus::done:
        if (!upload_.is_whole() && upload_.reads_client()) job_.connection = Connection::close;
        return Step::over;
    case ForwardStatus::sink_failed:
        return end(AttemptResult::client_gone, {FailureReason::client_closed, "within the response"});
    case ForwardStatus::malformed:
        return end(reached ? AttemptResult::cut_off : AttemptResult::bad_answer,
                   {FailureReason::bad_response_body, "invalid chunked coding"}, download_.malformed());
    default:
        return end(reached ? AttemptResult::cut_off : AttemptResult::bad_answer,
                   {FailureReason::response_truncated, "the backend closed within the body"});
    }
}

bool ForwardAttempt::may_reuse() const {
    return download_.keep_alive().keeps && upload_.is_whole() && !switched_ && !download_.has_surplus();
}

UploadEnd ForwardAttempt::upload_end() const {
    return upload_.is_whole() || !job_.plan.framing.has_body() ? UploadEnd::whole : UploadEnd::incomplete;
}

void ForwardAttempt::yield() {
    yielded_ = true;
    job_.client.fiber.yield(job_.client.context.loop);
}

ForwardAttempt::Step ForwardAttempt::end(AttemptResult result, const Failure& failure, std::string_view offending,
                                         std::size_t at) {
    end_ = {result, failure, offending, at};
    return Step::over;
}

std::string ForwardAttempt::offending() const {
    return end_.offending.empty() ? "" : log::excerpt(end_.offending, end_.offending_at);
}

// Returns the peer that must act next.
Due ForwardAttempt::due() const {
    if (!download_.has_begun()) return upload_.due();
    return download_.waiting() == Waiting::for_sink ? Due::client : Due::backend;
}

void ForwardAttempt::set_deadline() {
    const auto answer = download_.has_begun() ? Answer::begun : Answer::awaited;
    const auto time = stall_.renew({due(), answer, progress_, download_.moved()});
    if (!time) return;
    if (answer == Answer::begun && stall_.due() == Due::client) stall_.note_unacked(job_.client.stream.unacked_bytes());
    job_.client.expire_in(*time);
}

// Returns true, with a new deadline, if the response waits for its turn to be compressed: no peer is late.
bool ForwardAttempt::is_held_back() {
    if (!download_.awaits_turn()) return false;
    job_.client.expire_in(job_.timeouts.stream_idle);
    return true;
}

// Returns true, with a new deadline, if the client has read enough of the response since the deadline was set.
bool ForwardAttempt::is_being_read() {
    if (!download_.has_begun() || stall_.due() != Due::client || due() != Due::client) return false;
    if (!stall_.has_read(job_.client.stream.unacked_bytes())) return false;
    job_.client.expire_in(job_.timeouts.client_idle);
    return true;
}

ForwardAttempt::End ForwardAttempt::timed_out() const {
    const bool on_client = due() == Due::client;
    if (!on_client && upload_.awaits_disk()) {
        const bool reached = download_.has_reached_client();
        return {reached ? AttemptResult::broken_off : AttemptResult::lost_body,
                {FailureReason::resource_exhausted, "reading the buffered body from state_dir timed out"}};
    }
    const Failure slow_upload{FailureReason::client_timeout, "the request body arrived too slowly"};
    if (!download_.has_begun() && on_client) return {AttemptResult::slow_client, slow_upload};
    if (!download_.has_begun()) return {AttemptResult::slow_answer, {FailureReason::backend_timeout}};
    if (on_client)
        return {AttemptResult::client_gone, {FailureReason::client_timeout, "the client read the response too slowly"}};
    // The backend may have waited for the upload.
    if (!upload_.is_done() && upload_.waiting() == Waiting::for_source) return {AttemptResult::broken_off, slow_upload};
    return {AttemptResult::cut_off, {FailureReason::stream_idle}};
}

// Both ends have agreed on another protocol: from here on, bytes are forwarded as they come (RFC 9110 section 7.8).
Task<AttemptResult> ForwardAttempt::tunnel() {
    if (end_.result != AttemptResult::finished) co_return end_.result;
    job_.connection = Connection::close;
    tcp::Tunnel through(job_.client, backend_);
    // WebSocket has no half-closed connections (RFC 6455 section 7); other protocols may use them.
    const bool websocket = same_word(job_.plan.upgrade, "websocket");
    co_await through.run(job_.timeouts, websocket ? tcp::ClientEnd::closes : tcp::ClientEnd::half_closes);
    auto& record = job_.record;
    record.bytes.received += through.sent_to_backend();
    record.bytes.sent += through.sent_to_client();
    record.bytes.body += through.sent_to_client();
    record.failure = through.failure();
    if (cause_of(through.failure().reason) == FailureCause::backend) job_.events.on_tunnel_failed();
    co_return AttemptResult::finished;
}

} // namespace weir::proxy::http
