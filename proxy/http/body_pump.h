// Moves one message's body from one socket to another, as fast as the slower of the two: decoded by the framing it
// came with, encoded by the framing the receiver was told. One buffer bounds what is in memory.
//
// Thread: one worker's thread.
// Lifetime: sockets, input and head must outlive it; it stays at one place.
#pragma once

#include "proxy/http/chunk_decoder.h"
#include "proxy/http/framing.h"
#include "proxy/io/buffer.h"
#include "proxy/io/socket.h"

#include <array>
#include <limits>
#include <string_view>
#include <utility>

namespace weir::proxy::http {

enum class PumpStatus {
    blocked,       // nothing can be done until a socket has news
    yielded,       // more could be done, but others have waited long enough
    done,          // all of it was handed to the kernel
    source_ended,  // the sender closed before the end that its framing promised
    source_failed, // the sender's connection broke
    sink_failed,   // the receiver's connection broke
    malformed,     // the chunked coding is illegal
    too_large,     // more than the limit
};

enum class Encoding { identity, chunked };
enum class Waiting { for_source, for_sink };

// What may follow the message on the sender's connection.
enum class Following { messages, nothing };

class BodyPump {
public:
    struct Ends {
        Socket& from;
        Socket& to;
        Buffer& input;      // what was read of the sender already; what follows the message stays in it. Beside
                            // what it holds it has room for more: see head_block_size
        BufferPool& bodies; // for larger buffers
    };

    BodyPump(const Ends& ends, const Framing& framing, Encoding encoding, Following following,
             std::uint64_t limit = std::numeric_limits<std::uint64_t>::max());
    BodyPump(const BodyPump&) = delete;
    BodyPump& operator=(const BodyPump&) = delete;

    // A head to send before the body, in the same call where possible: a small body is put behind it.
    void send_first(Buffer& head);

    // Does all that can be done now.
    PumpStatus run();

    Waiting waiting() const { return pending_count_ > 0 ? Waiting::for_sink : Waiting::for_source; }
    std::uint64_t moved() const { return received_ + sent_; } // changes whenever something moved
    std::uint64_t sent() const { return sent_; }              // bytes given to the receiver, framing included
    std::uint64_t received() const { return received_; }      // bytes read here, not what `input` held before
    bool has_surplus() const { return !in_->empty(); }        // after `done`: bytes that are not of this message

private:
    enum class Staged { something, nothing, bad, over_limit };

    PumpStatus flush();
    PumpStatus refill();
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
    Buffer* head_ = nullptr; // until something of it has been sent
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
    char chunk_head_[20];
};

} // namespace weir::proxy::http
