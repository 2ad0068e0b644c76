// Moves one message's body from one socket to another, as fast as the slower of the two. Decodes the framing that it
// came with and encodes the framing that the receiver was told. One buffer bounds the memory in use.
//
// Thread: one worker's thread.
// Lifetime: sockets, input and head must outlive it; it must not move.
#pragma once

#include "proxy/http1/chunk_decoder.h"
#include "proxy/http1/framing.h"
#include "proxy/io/buffer.h"
#include "proxy/io/socket.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

namespace weir::proxy::http {

enum class ForwardStatus {
    blocked,       // nothing can be done until a socket has an event
    yielded,       // more could be done, but other connections get their turn first
    done,          // the kernel has taken all of it
    source_ended,  // the sender closed before the end that its framing announced
    source_failed, // the sender's connection failed
    sink_failed,   // the receiver's connection failed
    malformed,     // the chunked coding is illegal
    too_large,     // the body is over the limit
};

enum class Encoding { identity, chunked };

// Returns the encoding of a message that is sent with this framing.
constexpr Encoding encoding_of(const Framing& framing) {
    return framing.kind == BodyKind::chunked ? Encoding::chunked : Encoding::identity;
}

enum class Waiting { for_source, for_sink };

// What may follow the message on the sender's connection. A client sends more messages, and is read strictly.
enum class Following { messages, nothing };

class BodyForwarder {
public:
    struct Ends {
        Socket& from;
        Socket& to;
        Buffer& input; // bytes read already; bytes behind the message stay in it. Needs spare room (head_block_size)
        BufferPool& bodies; // for larger buffers
    };

    BodyForwarder(const Ends& ends, const Framing& framing, Encoding encoding, Following following,
                  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max());
    BodyForwarder(const BodyForwarder&) = delete;
    BodyForwarder& operator=(const BodyForwarder&) = delete;

    // Sends a head before the body, in the same system call if possible: a small body is appended to it.
    void send_first(Buffer& head);

    // Does all that can be done now.
    ForwardStatus run();

    Waiting waiting() const { return pending_count_ > 0 ? Waiting::for_sink : Waiting::for_source; }
    std::uint64_t moved() const { return received_ + sent_; } // changes whenever something moved
    std::uint64_t sent() const { return sent_; }              // bytes sent to the receiver, framing included
    std::uint64_t received() const { return received_; }      // bytes read here, without what `input` held before
    std::uint64_t consumed() const { return consumed_; }      // bytes of the message taken from `input`, with framing
    std::uint64_t payload_sent() const { return sent_ - std::min(sent_, overhead_); } // without head and framing
    // Returns the illegal bytes after `malformed`.
    std::string_view malformed() const { return in_->view().substr(std::min(bad_at_, in_->size())); }
    bool has_surplus() const { return !in_->empty(); } // after `done`: there are bytes behind the message

private:
    enum class Staged { something, nothing, bad, over_limit };

    ForwardStatus flush();
    ForwardStatus refill();
    Staged stage();
    Staged stage_chunked();
    void stage_payload(char* data, std::size_t size, std::size_t consumed);
    void stage_end();
    void push(const void* data, std::size_t size);
    bool put_behind_head(const char* data, std::size_t size);
    std::span<char> room();

    Ends ends_;
    Buffer large_;
    Buffer* in_;
    Buffer* head_ = nullptr; // until some of it has been sent
    BodyKind kind_;
    Encoding encoding_;
    Following following_;
    bool finished_;
    std::uint64_t left_;  // of BodyKind::length
    std::uint64_t limit_; // bytes of payload still allowed
    ChunkDecoder decoder_;
    std::array<iovec, 5> pending_;
    std::size_t pending_first_ = 0, pending_count_ = 0;
    std::size_t in_flight_ = 0; // bytes of the input that `pending_` covers
    std::uint64_t sent_ = 0, received_ = 0;
    std::uint64_t consumed_ = 0;
    std::uint64_t overhead_ = 0; // bytes for the receiver that are not payload: the head and chunk framing
    std::size_t bad_at_ = 0;     // after `malformed`: offset in the input
    char chunk_head_[20];
};

} // namespace weir::proxy::http
