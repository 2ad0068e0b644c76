#include "proxy/http2/flood_guard.h"

#include <algorithm>
#include <cstring>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t frame_header_size = 9; // RFC 9113 section 4.1
constexpr std::uint8_t padded_flag = 0x8;

enum FrameType : std::uint8_t { data = 0, headers = 1, rst_stream = 3, ping = 6, window_update = 8 };

std::size_t frame_length(const std::uint8_t* header) {
    return std::size_t{header[0]} << 16 | std::size_t{header[1]} << 8 | header[2];
}

} // namespace

void FloodGuard::on_bytes(std::string_view bytes, TimePoint now) {
    refill(now);
    while (!bytes.empty()) {
        if (left_ > 0) {
            const auto skipped = std::min(left_, bytes.size());
            left_ -= skipped;
            bytes.remove_prefix(skipped);
            continue;
        }
        // The header says itself whether Pad Length belongs to it, so it is read in two steps.
        const auto read = std::min(header_size() - header_bytes_, bytes.size());
        std::memcpy(header_ + header_bytes_, bytes.data(), read);
        header_bytes_ = static_cast<std::uint8_t>(header_bytes_ + read);
        bytes.remove_prefix(read);
        if (header_bytes_ < header_size()) continue;
        left_ = frame_length(header_) - (header_bytes_ - frame_header_size);
        on_frame();
        header_bytes_ = 0;
    }
}

// Returns the size of the header of the current frame as far as it is known.
std::size_t FloodGuard::header_size() const {
    const bool has_pad_length = header_bytes_ >= frame_header_size && header_[3] == FrameType::data &&
                                (header_[4] & padded_flag) && frame_length(header_) > 0;
    return frame_header_size + (has_pad_length ? 1 : 0);
}

void FloodGuard::on_frame() {
    switch (header_[3]) {
    case FrameType::headers: return; // a request, which has limits of its own
    case FrameType::data:
        if (!has_payload()) spend(1);
        return;
    case FrameType::ping:
    case FrameType::window_update:
        if (answers_ > 0) --answers_;
        else spend(1);
        return;
    case FrameType::rst_stream: return spend(reset_cost);
    default: spend(1);
    }
}

// Returns true if a DATA frame has bytes that are neither padding nor its length.
bool FloodGuard::has_payload() const {
    const bool is_padded = header_bytes_ > frame_header_size;
    return frame_length(header_) > (is_padded ? std::size_t{header_[9]} + 1 : 0);
}

void FloodGuard::refill(TimePoint now) {
    const auto credits = (now - refilled_) / time_per_credit;
    if (credits <= 0) return;
    refilled_ += credits * time_per_credit;
    earn(credits);
}

void FloodGuard::earn(std::int64_t credit) {
    if (is_flood()) return;
    credit_ = std::min(credit_ + std::min(credit, most_credit), most_credit);
}

} // namespace weir::proxy::http2
