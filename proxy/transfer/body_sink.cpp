#include "proxy/transfer/body_sink.h"

#include <charconv>
#include <string_view>

namespace weir::proxy::http {
namespace {

constexpr std::string_view chunk_end = "\r\n", last_chunk = "0\r\n\r\n";

} // namespace

void BodySink::begin(Buffer& head) {
    head_ = &head;
    overhead_ += head.size();
    queue_.push(head.data(), head.size());
}

void BodySink::write_chunk(std::span<const char> payload) {
    auto* end = std::to_chars(chunk_line_, chunk_line_ + 16, payload.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    const auto line = static_cast<std::size_t>(end - chunk_line_);
    queue_.push(chunk_line_, line);
    queue_.push(payload.data(), payload.size());
    queue_.push(chunk_end.data(), chunk_end.size());
    overhead_ += line + chunk_end.size();
}

void BodySink::end(std::string_view trailers) {
    if (ended_) return;
    ended_ = true;
    if (to_.is_multiplexed() && !trailers.empty()) to_.set_trailers(trailers);
    if (encoding_ != Encoding::chunked) return;
    auto end = last_chunk;
    if (!trailers.empty()) {
        end_ = std::make_unique<std::string>(std::string("0\r\n").append(trailers).append("\r\n"));
        end = *end_;
    }
    queue_.push(end.data(), end.size());
    overhead_ += end.size();
}

} // namespace weir::proxy::http
