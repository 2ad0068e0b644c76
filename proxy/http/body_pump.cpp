#include "proxy/http/body_pump.h"

#include <algorithm>
#include <charconv>

namespace weir::proxy::http {
namespace {

constexpr std::size_t large_body = 32 * 1024; // from here on a larger buffer saves system calls

constexpr std::size_t small_body = 4 * 1024;
constexpr std::uint64_t turn = 1u << 20; // bytes moved before others get theirs

} // namespace

BodyPump::BodyPump(const Ends& ends, const Framing& framing, Encoding encoding, Following following,
                   std::uint64_t limit)
    : ends_(ends), in_(&ends.input), kind_(framing.kind), encoding_(encoding), following_(following),
      finished_(kind_ == BodyKind::none || (kind_ == BodyKind::length && framing.length == 0)), left_(framing.length),
      limit_(limit) {}

void BodyPump::send_first(Buffer& head) {
    head_ = &head;
    push(head.data(), head.size());
}

PumpStatus BodyPump::run() {
    ends_.to.raise_credit();
    for (const auto pause = moved() + turn;;) {
        if (moved() >= pause) return PumpStatus::yielded;
        if (!finished_ && in_flight_ == 0 && !in_->empty()) {
            const auto staged = stage();
            if (staged == Staged::bad) return PumpStatus::malformed;
            if (staged == Staged::over_limit) return PumpStatus::too_large;
        }
        if (pending_count_ > 0) {
            if (const auto status = flush(); status != PumpStatus::done) return status;
            continue;
        }
        if (finished_) return PumpStatus::done;
        if (in_->empty())
            if (const auto status = refill(); status != PumpStatus::done) return status;
    }
}

PumpStatus BodyPump::flush() {
    head_ = nullptr;
    while (pending_count_ > 0) {
        const auto result = ends_.to.send({pending_.data() + pending_first_, pending_count_});
        if (result.status == IoStatus::would_block) return PumpStatus::blocked;
        if (result.status != IoStatus::ok) return PumpStatus::sink_failed;
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
    return PumpStatus::done;
}

// Where to read to: never past the end of a message whose length is known. A larger buffer is for what leaves nothing
// behind: a message of known length, or the last one on its connection.
std::span<char> BodyPump::room() {
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

PumpStatus BodyPump::refill() {
    if (!ends_.from.readable()) {
        if (in_ == &large_) large_.release(); // a silent connection holds no memory
        return PumpStatus::blocked;
    }
    const auto result = ends_.from.receive(room());
    switch (result.status) {
    case IoStatus::ok: break;
    case IoStatus::would_block: return PumpStatus::blocked;
    case IoStatus::failed: return PumpStatus::source_failed;
    case IoStatus::end:
        if (kind_ != BodyKind::until_close) return PumpStatus::source_ended;
        stage_end();
        return PumpStatus::done;
    }
    received_ += result.bytes;
    in_->fill(result.bytes);
    return PumpStatus::done;
}

BodyPump::Staged BodyPump::stage() {
    if (kind_ == BodyKind::chunked) return stage_chunked();
    auto size = in_->size();
    if (kind_ == BodyKind::length) {
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
        left_ -= size;
    }
    if (size > limit_) return Staged::over_limit;
    limit_ -= size;
    if (put_behind_head(in_->data(), size)) in_->consume(size);
    else stage_payload(in_->data(), size, size);
    if (kind_ == BodyKind::length && left_ == 0) stage_end();
    return Staged::something;
}

BodyPump::Staged BodyPump::stage_chunked() {
    char* data = in_->data();
    const auto result = decoder_.decode(data, in_->size());
    if (result.status == ChunkStatus::bad) return Staged::bad;
    if (result.payload > limit_) return Staged::over_limit;
    limit_ -= result.payload;
    if (result.payload > 0) stage_payload(data, result.payload, result.consumed);
    else in_->consume(result.consumed);
    if (result.status == ChunkStatus::done) stage_end();
    return pending_count_ > 0 ? Staged::something : Staged::nothing;
}

void BodyPump::stage_payload(char* data, std::size_t size, std::size_t consumed) {
    in_flight_ = consumed;
    if (encoding_ == Encoding::chunked) {
        auto* end = std::to_chars(chunk_head_, chunk_head_ + 16, size, 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        push(chunk_head_, static_cast<std::size_t>(end - chunk_head_));
        push(data, size);
        push("\r\n", 2);
    } else {
        push(data, size);
    }
}

// One contiguous piece is cheaper to send than two.
bool BodyPump::put_behind_head(const char* data, std::size_t size) {
    if (!head_ || encoding_ != Encoding::identity || size > small_body || !head_->append({data, size})) return false;
    pending_[pending_first_].iov_len += size;
    return true;
}

void BodyPump::stage_end() {
    finished_ = true;
    if (encoding_ == Encoding::chunked) push("0\r\n\r\n", 5);
}

void BodyPump::push(const void* data, std::size_t size) {
    pending_[pending_first_ + pending_count_++] = {const_cast<void*>(data), size};
}

} // namespace weir::proxy::http
