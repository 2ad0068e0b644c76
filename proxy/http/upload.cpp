#include "proxy/http/upload.h"

#include "proxy/http1/chars.h"

namespace weir::proxy::http {
namespace {

constexpr int max_discards = 8; // before other connections get their turn

std::uint64_t body_limit(const RequestPlan& plan) { return plan.body_limit ? plan.body_limit : BodyDecoder::unlimited; }

} // namespace

Upload::Upload(Client& client, BackendConnection& backend, const RequestPlan& plan, Buffer& head, BodyStore* stored,
               BodyTap* tap, const TrailerFilter& trailers)
    : body_({client.stream, backend.stream, client.in, client.context.buffers.bodies},
            stored ? Framing{} : received_framing(client.stream, plan.framing), encoding_of(plan.framing),
            Following::messages, body_limit(plan)),
      stored_(stored ? std::make_unique<StoredBody>(*stored) : nullptr), head_size_(head.size()),
      backend_(backend.stream), ends_stream_(backend.stream.is_multiplexed() && !same_word(plan.upgrade, "websocket")),
      awaits_continue_(plan.continue_wish == ContinueWish::may_wait && client.in.empty()) {
    body_.send_first(head);
    body_.set_tap(tap);
    body_.set_trailer_filter(&trailers);
}

ForwardStatus Upload::run() {
    const auto status = stored_ ? body_.run(*stored_) : body_.run();
    if (status == ForwardStatus::done) {
        done_ = true;
        if (ends_stream_) backend_.finish_sending();
    }
    if (status == ForwardStatus::sink_failed) break_off();
    return status;
}

std::size_t discard_upload(Client& client) {
    std::size_t total = 0;
    for (int i = 0; i < max_discards && client.stream.readable(); ++i) {
        Buffer sink(client.context.buffers.heads);
        const auto result = client.stream.receive(sink.space());
        if (result.status != IoStatus::ok) return total;
        total += result.bytes;
    }
    if (client.stream.readable()) client.fiber.yield(client.context.loop);
    return total;
}

Due Upload::due() const {
    if (done_ || stored_ || body_.waiting() == Waiting::for_sink) return Due::backend;
    return awaits_continue_ && body_.received() == 0 ? Due::backend : Due::client;
}

} // namespace weir::proxy::http
