#include "proxy/http/relay.h"

#include "proxy/tcp/tunnel.h"

#include <utility>

namespace weir::proxy::http {
namespace {

constexpr int most_drops = 8;             // before others have their turn
constexpr std::uint8_t most_interim = 10; // more 1xx than that is no answer

// What a client must send or take of a body within its idle time, counted in and out: a drop now and then is no life.
constexpr std::uint64_t least_progress = 2 * 1024;

Encoding encoding_of(const Framing& framing) {
    return framing.kind == BodyKind::chunked ? Encoding::chunked : Encoding::identity;
}

std::uint64_t body_limit(const conf::Limits& limits) {
    return limits.body_size.bytes ? limits.body_size.bytes : std::numeric_limits<std::uint64_t>::max();
}

} // namespace

Relay::Relay(Exchange& exchange, BackendConnection& connection)
    : exchange_(exchange), client_(exchange.client_), backend_(connection),
      request_({client_.socket, connection.socket, client_.in, exchange.context_.bodies}, exchange.framing_,
               encoding_of(exchange.framing_), Following::messages,
               body_limit(exchange.view_->snapshot->config.limits)),
      request_head_size_(exchange.request_head_.size()) {
    request_.send_first(exchange.request_head_);
}

Task<Relay::Result> Relay::run() {
    set_deadline();
    for (;;) {
        const auto stepped = step();
        if (stepped == Step::over) break;
        if (stepped == Step::moved) set_deadline();
        co_await client_.fiber.wait();
        if (client_.aborted) {
            result_ = Result::client_gone;
            break;
        }
        if (backend_.is_cut()) {
            result_ = response_ ? Result::broken_off : Result::no_answer;
            break;
        }
        if (client_.timer.expired() && !has_been_read() && !give_up_request()) {
            result_ = on_timeout();
            break;
        }
    }
    // Half an interim head is with the client: nothing can follow it.
    if (!response_ && !head_.empty() && result_ != Result::client_gone) {
        exchange_.report_.status = 502;
        result_ = Result::cut_off;
    }
    exchange_.report_.bytes_in += request_.received();
    if (response_) exchange_.report_.bytes_out += response_->sent();
    // A backend that stalls would not hear of a quiet end behind what it has not read yet.
    if (!request_done_ && result_ != Result::finished) backend_.socket.close(HowToClose::reset);
    if (switched_) co_return co_await tunnel();
    co_return result_;
}

// Does all that can be done now, in both directions.
Relay::Step Relay::step() {
    auto did = Step::blocked;
    for (;;) {
        const auto before = progress_;
        if (!request_done_ && push_request() == Step::over) return Step::over;
        if (request_broken_ && response_) drop_upload();
        if ((response_ ? pull_response() : read_answer()) == Step::over) return Step::over;
        if (progress_ == before) break;
        did = Step::moved;
        if (std::exchange(yielded_, false)) break; // others have their turn first
    }
    if (client_.socket.broken()) return end(Result::client_gone); // however much a stalled backend holds back
    // A client that has left is waited for no longer, unless it has sent more requests and waits for all the answers.
    if (request_done_ && !response_ && client_.has_left()) return end(Result::client_gone);
    return did;
}

Relay::Step Relay::push_request() {
    const auto before = request_.moved();
    const auto status = request_.run();
    progress_ += request_.moved() - before;
    switch (status) {
    case PumpStatus::blocked: break;
    case PumpStatus::done: request_done_ = true, ++progress_; break;
    case PumpStatus::yielded: yield(); break;
    case PumpStatus::source_ended:
    case PumpStatus::source_failed: return end(Result::client_gone);
    case PumpStatus::malformed: return end(response_ ? Result::broken_off : Result::bad_body);
    case PumpStatus::too_large: return end(response_ ? Result::broken_off : Result::large_body);
    case PumpStatus::sink_failed: request_done_ = request_broken_ = true, ++progress_; break;
    }
    return Step::moved;
}

// Nobody takes what the client still sends, and it may look at the answer only when it has sent everything. This is no
// progress: the answer must be read in time all the same.
void Relay::drop_upload() {
    for (int i = 0; i < most_drops && client_.socket.readable(); ++i) {
        Buffer sink(client_.context.heads);
        const auto result = client_.socket.receive(sink.space());
        if (result.status != IoStatus::ok) return;
        exchange_.report_.bytes_in += result.bytes;
    }
    if (client_.socket.readable()) client_.fiber.yield(client_.context.loop);
}

// A backend that has answered early and reads no more, and a client that reads only when it has sent all, wait for each
// other. Whether that is so now: the answer is what counts then.
bool Relay::give_up_request() {
    if (request_done_ || !response_ || switched_) return false;
    if (request_.waiting() != Waiting::for_sink || response_->waiting() != Waiting::for_sink) return false;
    request_done_ = request_broken_ = true;
    client_.expire_in(exchange_.timeouts_->client_idle);
    return true;
}

Relay::Step Relay::read_answer() {
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
        if (result.status != IoStatus::ok) return end(Result::no_answer);
        backend_.in.fill(result.bytes);
        ++progress_;
        // Whatever this answers, it is not a request whose head is still on its way.
        if (request_.sent() < request_head_size_) return end(Result::no_answer);
    }
}

// `blocked` while the head is incomplete.
Relay::Step Relay::take_head() {
    const auto& limits = exchange_.view_->snapshot->config.limits;
    auto& head = client_.context.response;
    const auto parsed =
        parse_response(backend_.in.view(), {limits.header_size.bytes, limits.header_count}, head, scan_);
    if (parsed.status == HeadStatus::incomplete) return Step::blocked;
    if (parsed.status == HeadStatus::refused) return end(Result::bad_answer);
    scan_ = {};
    if (head.status == 101) {
        if (exchange_.upgrade_.empty()) return end(Result::bad_answer);
        switched_ = true;
        return begin_answer(head);
    }
    return head.status < 200 ? pass_interim(head) : begin_answer(head);
}

Relay::Step Relay::pass_interim(const ResponseHead& head) {
    if (++interim_ > most_interim) return end(Result::bad_answer);
    if (exchange_.report_.minor_version > 0) { // RFC 9110 section 15.2: not for HTTP/1.0
        if (!head_.has_memory()) head_ = Buffer(client_.context.heads);
        write_response(head_, head, {});
    }
    backend_.in.consume(head.length);
    ++progress_;
    return flush_interim();
}

Relay::Step Relay::flush_interim() {
    while (!head_.empty()) {
        const iovec part{head_.data(), head_.size()};
        const auto sent = client_.socket.send({&part, 1});
        if (sent.status == IoStatus::would_block) return Step::blocked;
        if (sent.status != IoStatus::ok) return end(Result::client_gone);
        head_.consume(sent.bytes);
        exchange_.report_.bytes_out += sent.bytes;
    }
    head_.rewind();
    return Step::moved;
}

Relay::Step Relay::begin_answer(const ResponseHead& head) {
    const auto framed = response_framing(head, exchange_.answer_to_);
    if (framed.error) return end(Result::bad_answer);
    const auto options = connection_options(head.fields);
    backend_keeps_ = !options.close && (head.minor_version == 1 || options.keep_alive) &&
                     framed.framing.kind != BodyKind::until_close;
    auto told = framed.framing;
    const bool old_client = exchange_.report_.minor_version == 0;
    // A body whose end only the close tells is chunked for those who understand it, so that a broken one shows.
    if (told.kind == BodyKind::until_close && !old_client) told = {BodyKind::chunked};
    else if (told.kind == BodyKind::chunked && old_client) told = {BodyKind::until_close};
    if (told.kind == BodyKind::until_close || client_.is_draining()) exchange_.next_ = Connection::close;
    if (!request_done_ || request_broken_) exchange_.next_ = Connection::close; // it may be left half-read
    if (request_done_) exchange_.request_head_.release();                       // no other try will need it
    if (!head_.has_memory()) head_ = Buffer(client_.context.heads);
    const auto upgrade = switched_ ? head.find(FieldId::upgrade) : std::string_view();
    write_response(head_, head, {told, exchange_.report_.minor_version, exchange_.next_, upgrade, exchange_.cookie_});
    exchange_.report_.status = head.status;
    if (switched_) exchange_.note_switch();
    backend_.in.consume(head.length);
    response_.emplace(BodyPump::Ends{backend_.socket, client_.socket, backend_.in, client_.context.bodies},
                      switched_ ? Framing{} : framed.framing, encoding_of(told), Following::nothing);
    response_->send_first(head_);
    ++progress_;
    return Step::moved;
}

Relay::Step Relay::pull_response() {
    const auto before = response_->moved();
    const auto status = response_->run();
    progress_ += response_->moved() - before;
    switch (status) {
    case PumpStatus::blocked: return Step::blocked;
    case PumpStatus::yielded: yield(); return Step::blocked;
    case PumpStatus::done: return finish_response();
    case PumpStatus::sink_failed: return end(Result::client_gone);
    default: return end(Result::cut_off);
    }
}

Relay::Step Relay::finish_response() {
    const bool request_whole = request_done_ && !request_broken_;
    if (!request_whole) exchange_.next_ = Connection::close;
    reusable_ = backend_keeps_ && request_whole && !response_->has_surplus() && !switched_;
    result_ = Result::finished;
    return Step::over;
}

void Relay::yield() {
    yielded_ = true;
    client_.fiber.yield(client_.context.loop);
}

Relay::Step Relay::end(Result result) {
    result_ = result;
    return Step::over;
}

void Relay::set_deadline() {
    const auto& timeouts = *exchange_.timeouts_;
    const auto due = due_from();
    const auto answered = response_ ? response_->moved() : 0;
    // A backend lives by any byte of its answer, or of the request while that is on its way; a client must bring more.
    const bool lively = due == Due::backend && (!response_ || answered != answered_);
    answered_ = answered;
    if (due == due_ && !lively && progress_ - window_start_ < least_progress) return;
    due_ = due;
    window_start_ = progress_;
    untaken_ = response_ && due == Due::client ? client_.socket.untaken() : 0;
    client_.expire_in(due == Due::client ? timeouts.client_idle : timeouts.response);
}

Relay::Due Relay::due_from() const {
    const bool on_client = response_ ? response_->waiting() == Waiting::for_sink
                                     : !request_done_ && request_.waiting() == Waiting::for_source;
    return on_client ? Due::client : Due::backend;
}

// The kernel tells late that a client reads: only when it has taken a good part of what waits for it.
bool Relay::has_been_read() {
    if (!response_ || due_ != Due::client || due_from() != Due::client) return false;
    const auto before = std::exchange(untaken_, client_.socket.untaken());
    if (before < untaken_ + least_progress / 2) return false;
    client_.expire_in(exchange_.timeouts_->client_idle);
    return true;
}

Relay::Result Relay::on_timeout() const {
    const bool on_upload = !request_done_ && request_.waiting() == Waiting::for_source;
    if (!response_) return on_upload ? Result::slow_client : Result::slow_answer;
    if (response_->waiting() == Waiting::for_sink) return Result::client_gone;
    return on_upload ? Result::broken_off : Result::cut_off;
}

// Both ends have agreed on another protocol: from here on bytes are passed as they come (RFC 9110 section 7.8).
Task<Relay::Result> Relay::tunnel() {
    if (result_ != Result::finished) co_return result_;
    exchange_.next_ = Connection::close;
    tcp::Tunnel through(client_, backend_);
    co_await through.run(exchange_.timeouts_->tunnel);
    exchange_.report_.bytes_in += through.sent_to_backend();
    exchange_.report_.bytes_out += through.sent_to_client();
    co_return Result::finished;
}

} // namespace weir::proxy::http
