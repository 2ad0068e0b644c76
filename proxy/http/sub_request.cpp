#include "proxy/http/sub_request.h"

#include "proxy/http/prepared_request.h"
#include "proxy/http1/keep_alive.h"
#include "proxy/transfer/body_sink.h"
#include "proxy/transfer/body_source.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir::proxy::http {

// The request and its response on one connection.
class SubRequest::Talk {
public:
    Talk(const SubRequestJob& job, BackendConnection& backend)
        : job_(job), backend_(backend), download_(job.client, backend), sink_(backend.stream, Encoding::identity),
          head_size_(job.head.size()) {
        sink_.begin(job.head);
        if (!job.body.empty()) sink_.write(job.body);
    }
    Task<> run();

    SubResponse& response() { return response_; }
    // Returns what the response says about the connection, if it may carry another request.
    std::optional<BackendKeepAlive> keep_alive() const {
        const bool whole = response_.end == SubRequestEnd::answered && response_.has_all_of_body && sink_.is_flushed();
        if (!whole || !keep_alive_.keeps || source_->has_surplus()) return std::nullopt;
        return keep_alive_;
    }

private:
    enum class Step { blocked, over };

    Step step();
    Step read_head();
    Step take_head();
    Step begin_body(const ResponseHead& head);
    Step read_body();
    Step take_body();
    Failure closed(int error) const;
    Step end(SubRequestEnd how, const Failure& failure = {});

    const SubRequestJob& job_;
    BackendConnection& backend_;
    Download download_; // reads heads
    BodySink sink_;
    std::optional<BodySource> source_;
    const std::size_t head_size_;
    bool broken_ = false; // the backend takes no more of the request, but may still respond
    BackendKeepAlive keep_alive_;
    SubResponse response_;
};

Task<> SubRequest::Talk::run() {
    auto& client = job_.client;
    client.timer.set(job_.until);
    while (step() == Step::blocked) {
        co_await client.fiber.wait();
        auto over = Step::blocked;
        if (client.aborted || client.has_left()) over = end(SubRequestEnd::aborted, client_left(client));
        else if (backend_.is_cut()) over = end(SubRequestEnd::no_answer, {FailureReason::backend_removed});
        else if (client.timer.expired()) over = end(SubRequestEnd::timed_out, {FailureReason::backend_timeout});
        if (over == Step::over) break;
    }
    // A stalled backend would not see an orderly close behind the data that it has not read yet.
    if (!sink_.is_flushed()) backend_.stream.close(HowToClose::reset);
}

SubRequest::Talk::Step SubRequest::Talk::step() {
    sink_.prepare();
    if (!broken_ && !sink_.is_flushed()) broken_ = sink_.flush() == IoStatus::failed;
    if (sink_.is_flushed() && backend_.stream.is_multiplexed()) backend_.stream.finish_sending();
    return source_ ? read_body() : read_head();
}

SubRequest::Talk::Step SubRequest::Talk::read_head() {
    for (;;) {
        if (!backend_.in.empty()) {
            const auto taken = take_head();
            if (taken == Step::over) return taken;
            if (source_) return read_body();
        }
        if (!backend_.stream.readable()) return Step::blocked;
        const auto result = download_.receive();
        if (result.status == IoStatus::would_block) return Step::blocked;
        if (result.status != IoStatus::ok) return end(SubRequestEnd::no_answer, closed(result.error));
        if (sink_.sent() < head_size_)
            return end(SubRequestEnd::no_answer,
                       {FailureReason::bad_response_head, "the backend sent it before the request"});
    }
}

// Takes the heads that are complete. Returns `blocked` if the final one is not.
SubRequest::Talk::Step SubRequest::Talk::take_head() {
    const auto& head = job_.client.context.scratch.response;
    for (;;) {
        const auto parsed = download_.parse({job_.limits.header_size.bytes, job_.limits.header_count});
        if (parsed.status == HeadStatus::incomplete) return Step::blocked;
        if (parsed.status == HeadStatus::refused) {
            const bool large = parsed.code == 431 || parsed.code == 414;
            return end(
                SubRequestEnd::bad_answer,
                {large ? FailureReason::response_head_too_large : FailureReason::bad_response_head, parsed.reason});
        }
        if (head.status >= 200) return begin_body(head);
        if (head.status == 101)
            return end(SubRequestEnd::bad_answer,
                       {FailureReason::bad_response_head, "it switches to a protocol that the request did not offer"});
        constexpr auto forwards_none = conf::HttpVersion::http1_0;
        if (!download_.take_interim(head, forwards_none))
            return end(SubRequestEnd::bad_answer, {FailureReason::bad_response_head, "too many interim responses"});
    }
}

SubRequest::Talk::Step SubRequest::Talk::begin_body(const ResponseHead& head) {
    const auto framed = response_framing(head, job_.answer_to);
    if (framed.error) return end(SubRequestEnd::bad_answer, {FailureReason::bad_response_head, framed.error});
    response_.status = head.status;
    keep_alive_ = keep_alive_of(head, framed.framing);
    if (job_.use == ResponseUse::kept) response_.head = backend_.in.view().substr(0, head.length);
    backend_.in.consume(head.length);
    source_.emplace(backend_.stream, backend_.in, job_.client.context.buffers.bodies, framed.framing,
                    Following::nothing, BodyDecoder::unlimited);
    return Step::blocked;
}

// Receives once, and then lets others have their turn: a backend could send faster than its chunks are decoded.
SubRequest::Talk::Step SubRequest::Talk::read_body() {
    if (take_body() == Step::over) return Step::over;
    if (!source_->receive()) return Step::blocked;
    if (take_body() == Step::over) return Step::over;
    job_.client.fiber.yield(job_.client.context.loop);
    return Step::blocked;
}

// Takes what has arrived of the body, and drops the whole of a body that is too long.
SubRequest::Talk::Step SubRequest::Talk::take_body() {
    const auto piece = source_->next();
    if (source_->consumed() > job_.max_body) {
        response_.body.clear();
        return end(SubRequestEnd::answered);
    }
    if (job_.use == ResponseUse::kept) response_.body.append(piece.data(), piece.size());
    source_->consume();
    switch (source_->status()) {
    case SourceStatus::open: return Step::blocked;
    case SourceStatus::ended: response_.has_all_of_body = true; return end(SubRequestEnd::answered);
    case SourceStatus::malformed:
        return end(SubRequestEnd::bad_answer, {FailureReason::bad_response_body, "invalid chunked coding"});
    default:
        return end(SubRequestEnd::bad_answer,
                   {FailureReason::response_truncated, "the backend closed within the body"});
    }
}

// Returns the failure of a connection that ended before a response head was complete.
Failure SubRequest::Talk::closed(int error) const {
    const auto* tls = backend_.stream.tls();
    if (tls && tls->got_alert()) return {FailureReason::backend_tls_failed, tls->error()};
    return {FailureReason::backend_closed,
            backend_.in.empty() ? "before a response" : "within the head of the response", error};
}

SubRequest::Talk::Step SubRequest::Talk::end(SubRequestEnd how, const Failure& failure) {
    response_.end = how;
    response_.failure = failure;
    return Step::over;
}

Task<SubResponse> SubRequest::run() {
    auto& client = job_.client;
    const auto& spec = *job_.pool.spec;
    auto& link = job_.pool.link(job_.member);
    auto use = may_share_connections(spec) ? ConnectionUse::any_request : ConnectionUse::request;
    for (;;) {
        const auto left = std::chrono::duration_cast<conf::Duration>(job_.until - client.context.loop.now());
        const BackendConnector connector(client, std::min(left, spec.timeouts.connect), use,
                                         settings_for(spec, job_.member, job_.address), job_.on_shortage);
        Connected connected{connector.acquire(link)};
        const bool is_kept = connected.connection != nullptr;
        if (!is_kept) connected = co_await connector.connect(link);
        if (connected.failure) co_return SubResponse{SubRequestEnd::no_connection, connected.failure};
        Talk talk(job_, *connected.connection);
        co_await talk.run();
        auto& response = talk.response();
        const bool is_stale = response.end == SubRequestEnd::no_answer && !connected.connection->is_cut() &&
                              !connected.took && job_.resend == Resend::allowed;
        if (!is_stale) {
            if (const auto keep_alive = talk.keep_alive()) keep(std::move(connected.connection), *keep_alive);
            co_return std::move(response);
        }
        use = ConnectionUse::request; // a kept connection that the backend has just closed says nothing about it
    }
}

void SubRequest::keep(BackendConnectionPtr connection, const BackendKeepAlive& keep_alive) const {
    if (!may_share_connections(*job_.pool.spec)) return;
    const auto now = job_.client.context.loop.now();
    const auto& keepalive = job_.pool.spec->config.keepalive;
    job_.pool.link(job_.member)
        .release(std::move(connection), keepalive.max_idle,
                 keep_until({now, now}, keepalive.idle_timeout, keep_alive.timeout));
}

} // namespace weir::proxy::http
