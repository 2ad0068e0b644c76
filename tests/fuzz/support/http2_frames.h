// Frames and field sections of HTTP/2 as bytes, for those that play a peer of weir's and those that judge weir. With
// nothing of weir's; only field sections are decoded by libnghttp2.
//
// Thread: pure functions and values.
// Lifetime: a frame points into the bytes that it was taken from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_hd_inflater;

namespace weir::http2_frames {

inline constexpr std::size_t frame_header_size = 9, largest_frame = 16384;

using Section = std::vector<std::pair<std::string, std::string>>;

struct Frame {
    std::uint8_t type = 0, flags = 0;
    std::uint32_t id = 0;
    std::string_view payload;

    bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// Returns the value of the first field of this name; empty if there is none.
std::string value_of(const Section& section, std::string_view name);

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size);
// Takes the next frame from `rest`. Returns false if it is not whole.
bool take_frame(std::string_view& rest, Frame& frame);
// Removes padding and priority. Returns false if they do not fit.
bool strip(Frame& frame);
// Appends the rest of a field section to that of `frame`. Returns false if it is not whole, or something else follows.
bool take_section(std::string_view& rest, const Frame& frame, std::string& block);

// Returns the number in network byte order.
std::string number(std::uint32_t value, int bytes);
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload);
// Encodes literals, every second one for the dynamic table.
std::string encode(const Section& fields);

class Inflater {
public:
    Inflater();
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    void change_table_size(std::uint32_t size);
    // Returns the fields; unset if they cannot be decoded.
    std::optional<Section> read(std::string_view block);

private:
    nghttp2_hd_inflater* made_ = nullptr;
};

} // namespace weir::http2_frames
