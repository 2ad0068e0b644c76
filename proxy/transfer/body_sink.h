// Sends a message to a socket: its head, then the pieces of its body, in the framing that was announced to the
// receiver.
//
//   begin(head) ─→ write(piece) ─→ flush until it is sent ─→ write(piece) ... ─→ end() ─→ flush until it is sent
//
// A message in chunks, or on a multiplexed stream, may end with a trailer section.
//
// Everything that is queued before a flush is sent in one system call if possible: a head, a piece and the end of the
// body.
//
// Thread: one worker's thread.
// Lifetime: the socket, the head and each piece must stay in place until they have been sent; it must not move.
#pragma once

#include "proxy/http1/framing.h"
#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"
#include "proxy/transfer/send_queue.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class Encoding { identity, chunked };

// Returns the encoding of a message that is sent with this framing.
constexpr Encoding encoding_of(const Framing& framing) {
    return framing.kind == BodyKind::chunked ? Encoding::chunked : Encoding::identity;
}

class BodySink {
public:
    BodySink(Stream& to, Encoding encoding) : to_(to), encoding_(encoding) {}
    BodySink(const BodySink&) = delete;
    BodySink& operator=(const BodySink&) = delete;

    // Queues the head of the message. A small first piece is appended to it.
    void begin(Buffer& head);
    // From here on, no piece is appended to the head.
    void detach_head() { head_ = nullptr; }
    // Queues a piece of the body, which must not be empty. The previous piece must have been sent. Returns true if the
    // piece was copied, so that its bytes need not stay in place.
    bool write(std::span<const char> payload);
    // Queues the end of the body: the last chunk, if the body is sent in chunks, and the trailer section. Its lines,
    // each with its CRLF, are copied. A receiver whose framing has no place for them does not get them. Later calls do
    // nothing.
    void end(std::string_view trailers = {});
    bool has_ended() const { return ended_; }
    // Returns true if the receiver can get a trailer section.
    bool takes_trailers() const { return encoding_ == Encoding::chunked || to_.is_multiplexed(); }

    // Must be called once before each round of writing and flushing.
    void prepare() { to_.raise_unsent_low_water_mark(); }
    // Sends the queued bytes. Returns `ok` once the kernel has taken all of them.
    IoStatus flush();
    bool is_flushed() const { return queue_.empty(); }

    std::uint64_t sent() const { return sent_; }                                      // bytes, framing included
    std::uint64_t payload_sent() const { return sent_ - std::min(sent_, overhead_); } // bytes without head and framing

private:
    void write_chunk(std::span<const char> payload);

    static constexpr std::size_t max_copied = 4 * 1024; // size of a piece that is appended to the head

    Stream& to_;
    Buffer* head_ = nullptr; // until some of it may have been sent
    const Encoding encoding_;
    bool ended_ = false;
    SendQueue queue_;
    std::uint64_t sent_ = 0;
    std::uint64_t overhead_ = 0;             // bytes queued so far that are not payload: the head and chunk framing
    char chunk_line_[20];                    // the size of the chunk that is queued
    std::unique_ptr<const std::string> end_; // the last chunk with a trailer section; null: there is none
};

// `write` and `flush` are inline, since every message passes through them.
inline bool BodySink::write(std::span<const char> payload) {
    if (encoding_ == Encoding::chunked) {
        write_chunk(payload);
        return false;
    }
    if (head_ && payload.size() <= max_copied && head_->append({payload.data(), payload.size()})) {
        queue_.extend(payload.size());
        return true;
    }
    queue_.push(payload.data(), payload.size());
    return false;
}

inline IoStatus BodySink::flush() {
    head_ = nullptr;
    while (!queue_.empty()) {
        const auto result = to_.send(queue_.parts());
        if (result.status != IoStatus::ok) return result.status;
        sent_ += result.bytes;
        queue_.remove(result.bytes);
    }
    return IoStatus::ok;
}

} // namespace weir::proxy::http
