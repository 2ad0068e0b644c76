#include "proxy/transfer/body_forwarder.h"

#include <algorithm>
#include <charconv>

namespace weir::proxy::http {
namespace {

constexpr std::size_t large_body = 32 * 1024; // a larger buffer saves system calls for a body of this size

constexpr std::size_t small_body = 4 * 1024;
constexpr std::uint64_t yield_after = 1u << 20; // bytes moved before other connections get their turn

} // namespace

BodyForwarder::BodyForwarder(const Ends& ends, const Framing& framing, Encoding encoding, Following following,
                             std::uint64_t limit)
    : ends_(ends), in_(&ends.input), kind_(framing.kind), encoding_(encoding), following_(following),
      finished_(!framing.has_body()), left_(framing.length), limit_(limit),
      decoder_(following == Following::messages ? ChunkSyntax::strict : ChunkSyntax::tolerant) {}

void BodyForwarder::send_first(Buffer& head) {
    head_ = &head;
    overhead_ += head.size();
    push(head.data(), head.size());
}

ForwardStatus BodyForwarder::run() {
    ends_.to.raise_unsent_low_water_mark();
    for (const auto pause = moved() + yield_after;;) {
        if (moved() >= pause) return ForwardStatus::yielded;
        if (!finished_ && in_flight_ == 0 && !in_->empty()) {
            const auto staged = stage();
            if (staged == Staged::bad) return ForwardStatus::malformed;
            if (staged == Staged::over_limit) return ForwardStatus::too_large;
        }
        if (pending_count_ > 0) {
            if (const auto status = flush(); status != ForwardStatus::done) return status;
            continue;
        }
        if (finished_) return ForwardStatus::done;
        if (in_->empty())
            if (const auto status = refill(); status != ForwardStatus::done) return status;
    }
}

ForwardStatus BodyForwarder::flush() {
    head_ = nullptr;
    while (pending_count_ > 0) {
        const auto result = ends_.to.send({pending_.data() + pending_first_, pending_count_});
        if (result.status == IoStatus::would_block) return ForwardStatus::blocked;
        if (result.status != IoStatus::ok) return ForwardStatus::sink_failed;
        sent_ += result.bytes;
        for (auto left = result.bytes; left > 0 || (pending_count_ > 0 && pending_[pending_first_].iov_len == 0);) {
            auto& part = pending_[pending_first_];
            const auto taken = std::min(left, part.iov_len);
            part.iov_base = static_cast<char*>(part.iov_base) + taken;
            part.iov_len -= taken;
            left -= taken;
            if (part.iov_len == 0) ++pending_first_, --pending_count_;
        }
    }
    pending_first_ = 0;
    in_->consume(std::exchange(in_flight_, 0));
    return ForwardStatus::done;
}

// Returns the space to read into, which never reaches past the end of a message of known length. A larger buffer is
// used only if nothing is left in it: for a message of known length, or for the last one on its connection.
std::span<char> BodyForwarder::room() {
    const bool large = kind_ == BodyKind::length ? left_ > large_body : following_ == Following::nothing;
    if (in_ != &large_ && large) {
        large_ = Buffer(ends_.bodies);
        in_ = &large_;
    } else if (!in_->has_memory()) {
        *in_ = Buffer(ends_.bodies);
    }
    in_->rewind();
    auto space = in_->space();
    if (kind_ == BodyKind::length)
        space = space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), left_)));
    return space;
}

ForwardStatus BodyForwarder::refill() {
    if (!ends_.from.readable()) {
        if (in_ == &large_) large_.release(); // a silent connection holds no memory
        return ForwardStatus::blocked;
    }
    const auto result = ends_.from.receive(room());
    switch (result.status) {
    case IoStatus::ok: break;
    case IoStatus::would_block: return ForwardStatus::blocked;
    case IoStatus::failed: return ForwardStatus::source_failed;
    case IoStatus::end:
        if (kind_ != BodyKind::until_close) return ForwardStatus::source_ended;
        stage_end();
        return ForwardStatus::done;
    }
    received_ += result.bytes;
    in_->fill(result.bytes);
    return ForwardStatus::done;
}

BodyForwarder::Staged BodyForwarder::stage() {
    if (kind_ == BodyKind::chunked) return stage_chunked();
    auto size = in_->size();
    if (kind_ == BodyKind::length) {
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
        left_ -= size;
    }
    if (size > limit_) return Staged::over_limit;
    limit_ -= size;
    consumed_ += size;
    if (put_behind_head(in_->data(), size)) in_->consume(size);
    else stage_payload(in_->data(), size, size);
    if (kind_ == BodyKind::length && left_ == 0) stage_end();
    return Staged::something;
}

BodyForwarder::Staged BodyForwarder::stage_chunked() {
    char* data = in_->data();
    const auto result = decoder_.decode(data, in_->size());
    if (result.status == ChunkStatus::bad) {
        bad_at_ = result.consumed - std::min<std::size_t>(result.consumed, 1);
        return Staged::bad;
    }
    if (result.payload > limit_) return Staged::over_limit;
    limit_ -= result.payload;
    consumed_ += result.consumed;
    if (result.payload > 0) stage_payload(data, result.payload, result.consumed);
    else in_->consume(result.consumed);
    if (result.status == ChunkStatus::done) stage_end();
    return pending_count_ > 0 ? Staged::something : Staged::nothing;
}

void BodyForwarder::stage_payload(char* data, std::size_t size, std::size_t consumed) {
    in_flight_ = consumed;
    if (encoding_ == Encoding::chunked) {
        auto* end = std::to_chars(chunk_head_, chunk_head_ + 16, size, 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        push(chunk_head_, static_cast<std::size_t>(end - chunk_head_));
        push(data, size);
        push("\r\n", 2);
        overhead_ += static_cast<std::uint64_t>(end - chunk_head_) + 2;
    } else {
        push(data, size);
    }
}

// One contiguous piece is cheaper to send than two.
bool BodyForwarder::put_behind_head(const char* data, std::size_t size) {
    if (!head_ || encoding_ != Encoding::identity || size > small_body || !head_->append({data, size})) return false;
    pending_[pending_first_].iov_len += size;
    return true;
}

void BodyForwarder::stage_end() {
    finished_ = true;
    if (encoding_ != Encoding::chunked) return;
    push("0\r\n\r\n", 5);
    overhead_ += 5;
}

void BodyForwarder::push(const void* data, std::size_t size) {
    pending_[pending_first_ + pending_count_++] = {const_cast<void*>(data), size};
}

} // namespace weir::proxy::http
