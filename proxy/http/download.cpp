#include "proxy/http/download.h"

#include "proxy/http1/keep_alive.h"

namespace weir::proxy::http {
namespace {

constexpr std::uint8_t max_interim = 10; // a backend that sends more interim responses is broken

} // namespace

BackendKeepAlive keep_alive_of(const ResponseHead& head, const Framing& body) {
    const auto options = connection_options(head.fields);
    const bool keeps = !options.close && (head.minor_version == 1 || options.keep_alive);
    return {keeps && body.kind != BodyKind::until_close, keep_alive_timeout(head.fields)};
}

IoResult Download::receive() {
    auto& in = backend_.in;
    if (!in.has_memory()) in = Buffer(client_.context.buffers.heads);
    if (in.space().empty()) in.compact();
    if (in.space().empty()) in.grow(2 * in.size());
    const auto result = backend_.stream.receive(in.space());
    if (result.status == IoStatus::ok) in.fill(result.bytes);
    return result;
}

HeadResult Download::parse(const HeadLimits& limits) {
    const auto parsed = parse_response(backend_.in.view(), limits, client_.context.scratch.response, scan_);
    if (parsed.status == HeadStatus::complete) scan_ = {};
    return parsed;
}

bool Download::take_interim(const ResponseHead& head, conf::HttpVersion client) {
    if (++interim_ > max_interim) return false;
    if (client != conf::HttpVersion::http1_0) {
        if (!head_.has_memory()) head_ = Buffer(client_.context.buffers.heads);
        write_response(head_, head, {});
    }
    backend_.in.consume(head.length);
    return true;
}

IoResult Download::flush_interim(std::uint64_t& sent) {
    while (!head_.empty()) {
        const iovec part{head_.data(), head_.size()};
        const auto result = client_.stream.send({&part, 1});
        if (result.status != IoStatus::ok) return result;
        head_.consume(result.bytes);
        sent += result.bytes;
    }
    head_.rewind();
    return {IoStatus::ok};
}

std::optional<ContentChange> Download::compress(const ResponseHead& head, const Framing& body,
                                                const RequestedCompression& requested) {
    auto& context = client_.context;
    auto content = compress_content(head, body, requested, context.encoders);
    if (content.encoder) {
        compressor_ = std::make_unique<BodyCompressor>(
            std::move(content.encoder), context.buffers.heads,
            BodyCompressor::Place{context.compression_turns, client_.fiber, context.loop});
        coding_ = *content.change->coding;
    }
    return content.change;
}

void Download::count_compression() const {
    auto& counters = client_.context.counters.compression[static_cast<std::size_t>(coding_)];
    counters.responses.add();
    counters.bytes_in.add(compressor_->consumed());
    counters.bytes_out.add(body_->payload_sent());
}

void Download::begin(const ResponseHead& head, const Framing& body, const ResponsePlan& plan) {
    keep_alive_ = keep_alive_of(head, body);
    follows_interim_ = !head_.empty();
    if (!head_.has_memory()) head_ = Buffer(client_.context.buffers.heads);
    write_response(head_, head, plan);
    const auto received = received_framing(backend_.stream, body);
    if (received.kind == BodyKind::chunked || backend_.stream.is_multiplexed())
        trailers_.begin(head.fields, plan.edit ? &plan.edit->headers : nullptr);
    backend_.in.consume(head.length);
    body_.emplace(BodyForwarder::Ends{backend_.stream, client_.stream, backend_.in, client_.context.buffers.bodies},
                  received, encoding_of(plan.framing), Following::nothing);
    body_->set_trailer_filter(&trailers_);
    body_->send_first(head_);
}

Framing framing_for_client(const Framing& body, conf::HttpVersion client) {
    if (body.kind != BodyKind::until_close && body.kind != BodyKind::chunked) return body;
    return {client == conf::HttpVersion::http1_1 ? BodyKind::chunked : BodyKind::until_close};
}

} // namespace weir::proxy::http
