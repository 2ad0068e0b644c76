// The frames of a connection that are on their way to the peer: the library makes them, and the stream below takes them
// as fast as the peer reads. At most one block of memory; none while there is nothing to send.
//
// Thread: one worker's thread.
// Lifetime: the stream and the pool must outlive it.
#pragma once

#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"

#include <cstdint>
#include <string_view>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

inline constexpr std::size_t data_header_size = 9; // RFC 9113 section 4.1
// A DATA frame of this size, with its header, fills one record of TLS, and a flush has as many as TlsConnection::send
// takes at once. So the encrypted bytes are sent in few, large pieces.
inline constexpr std::size_t data_frame_size = 16 * 1024 - data_header_size;
inline constexpr std::size_t data_frames_at_a_time = 3;
inline constexpr std::size_t flush_size = data_frames_at_a_time * (data_header_size + data_frame_size);

class FrameOutput {
public:
    FrameOutput(Stream& stream, BufferPool& pool) : stream_(stream), pool_(pool) {}

    bool empty() const { return bytes_.empty(); }

    // Moves frames from the library here, as far as there is room. Returns false if the library has failed.
    bool fill(nghttp2_session* session);
    // Sends as much as the peer takes. Returns false if the peer has left.
    bool send();
    // Adds a GOAWAY (RFC 9113 section 6.8), after an error that the library cannot report itself.
    void add_goaway(std::int32_t last_stream_id, std::uint32_t error_code);

    // For the library's callbacks, within fill(). Returns the largest payload of the next DATA frame. The last one of a
    // flush is cut, unless little is left: then it is for the next flush.
    std::size_t room_for_data() const;
    // Adds a DATA frame: its header, then the payload. Returns false, and adds nothing, if it belongs to the next
    // flush.
    bool add_data(const std::uint8_t* header, std::string_view payload);
    // Returns true if the largest frame fits into the rest of the block.
    bool has_room() const { return bytes_.space().size() >= largest_frame; }

private:
    static constexpr std::size_t largest_frame = 16 * 1024 + 512; // that the library makes, with its header

    Stream& stream_;
    BufferPool& pool_;
    Buffer bytes_;
};

} // namespace weir::proxy::http2
