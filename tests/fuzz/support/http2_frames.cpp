#include "tests/fuzz/support/http2_frames.h"

#include <nghttp2/nghttp2.h>

namespace weir::http2_frames {
namespace {

// Encodes a length of HPACK (RFC 7541 section 5.1, with a prefix of seven bits).
std::string hpack_length(std::size_t size) {
    constexpr std::size_t most = 127;
    if (size < most) return {static_cast<char>(size)};
    std::string text{static_cast<char>(most)};
    for (size -= most; size >= 128; size /= 128) text += static_cast<char>(size % 128 + 128);
    return text + static_cast<char>(size);
}

} // namespace

std::string value_of(const Section& section, std::string_view name) {
    for (const auto& [key, value] : section)
        if (key == name) return value;
    return {};
}

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint32_t number = 0;
    for (const char c : bytes.substr(at, size)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
}

bool take_frame(std::string_view& rest, Frame& frame) {
    if (rest.size() < frame_header_size) return false;
    const std::size_t length = number_at(rest, 0, 3);
    if (rest.size() < frame_header_size + length) return false;
    frame = {static_cast<std::uint8_t>(rest[3]), static_cast<std::uint8_t>(rest[4]), number_at(rest, 5, 4) & 0x7fffffff,
             rest.substr(frame_header_size, length)};
    rest.remove_prefix(frame_header_size + length);
    return true;
}

bool strip(Frame& frame) {
    if (frame.has(NGHTTP2_FLAG_PADDED)) {
        if (frame.payload.empty()) return false;
        const std::size_t padding = static_cast<unsigned char>(frame.payload[0]);
        frame.payload.remove_prefix(1);
        if (padding > frame.payload.size()) return false;
        frame.payload.remove_suffix(padding);
    }
    if (frame.type == NGHTTP2_HEADERS && frame.has(NGHTTP2_FLAG_PRIORITY)) {
        if (frame.payload.size() < 5) return false;
        frame.payload.remove_prefix(5);
    }
    return true;
}

bool take_section(std::string_view& rest, const Frame& frame, std::string& block) {
    block = frame.payload;
    for (bool is_whole = frame.has(NGHTTP2_FLAG_END_HEADERS); !is_whole;) {
        Frame more;
        if (!take_frame(rest, more) || more.type != NGHTTP2_CONTINUATION || more.id != frame.id) return false;
        block += more.payload;
        is_whole = more.has(NGHTTP2_FLAG_END_HEADERS);
    }
    return true;
}

std::string number(std::uint32_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(std::uint64_t{value} >> (8 * i));
    return text;
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
    auto bytes = number(static_cast<std::uint32_t>(payload.size()), 3);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    return bytes + number(id, 4) + std::string(payload);
}

std::string encode(const Section& fields) {
    std::string block;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto& [name, value] = fields[i];
        block += (i % 2 != 0 ? '\x40' : '\0') + hpack_length(name.size()) + name + hpack_length(value.size()) + value;
    }
    return block;
}

Inflater::Inflater() { nghttp2_hd_inflate_new(&made_); }
Inflater::~Inflater() { nghttp2_hd_inflate_del(made_); }

void Inflater::change_table_size(std::uint32_t size) { nghttp2_hd_inflate_change_table_size(made_, size); }

std::optional<Section> Inflater::read(std::string_view block) {
    Section section;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        const auto used = nghttp2_hd_inflate_hd2(made_, &field, &flags, at, left, 1);
        if (used < 0) return std::nullopt;
        at += used;
        left -= static_cast<std::size_t>(used);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            section.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                                 std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
        if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) return std::nullopt;
    }
    nghttp2_hd_inflate_end_headers(made_);
    return section;
}

} // namespace weir::http2_frames
