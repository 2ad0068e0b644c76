#include "proxy/http2/frame_output.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

namespace weir::proxy::http2 {

bool FrameOutput::fill(nghttp2_session* session) {
    if (!bytes_.has_memory()) {
        if (!nghttp2_session_want_write(session)) return true;
        bytes_ = Buffer(pool_);
    }
    if (!has_room() && bytes_.size() <= pool_.block_size() / 2) bytes_.compact();
    while (has_room()) {
        const std::uint8_t* frame = nullptr;
        const auto before = bytes_.size();
        const auto size = nghttp2_session_mem_send(session, &frame);
        if (size < 0) return false;
        if (size == 0 && bytes_.size() == before) break;
        bytes_.append({reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)});
    }
    return true;
}

bool FrameOutput::send() {
    while (!bytes_.empty()) {
        const iovec part{bytes_.data(), bytes_.size()};
        const auto result = stream_.send({&part, 1});
        if (result.status == IoStatus::would_block) return true;
        if (result.status != IoStatus::ok) return false;
        bytes_.consume(result.bytes);
    }
    bytes_.release();
    return true;
}

void FrameOutput::add_goaway(std::int32_t last_stream_id, std::uint32_t error_code) {
    std::array<char, 17> frame{0, 0, 8, NGHTTP2_GOAWAY}; // 8 bytes on stream 0
    const auto last = htonl(static_cast<std::uint32_t>(last_stream_id));
    const auto code = htonl(error_code);
    std::memcpy(frame.data() + 9, &last, sizeof last);
    std::memcpy(frame.data() + 13, &code, sizeof code);
    if (!bytes_.has_memory()) bytes_ = Buffer(pool_);
    bytes_.append({frame.data(), frame.size()});
}

std::size_t FrameOutput::room_for_data() const {
    constexpr std::size_t little = 1024;
    const auto used = bytes_.size() + data_header_size;
    return used + little > flush_size ? data_frame_size : std::min(data_frame_size, flush_size - used);
}

bool FrameOutput::add_data(const std::uint8_t* header, std::string_view payload) {
    const auto whole = data_header_size + payload.size();
    if (bytes_.size() + whole > flush_size || bytes_.space().size() < whole) return false;
    bytes_.append({reinterpret_cast<const char*>(header), data_header_size});
    bytes_.append(payload);
    return true;
}

} // namespace weir::proxy::http2
