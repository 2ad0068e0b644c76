// The compression of a route's responses.
//
// Thread: values.
// Lifetime: owns all its data.
#pragma once

#include "conf/model/units.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::conf {

enum class ContentCoding : std::uint8_t { gzip, br, zstd };

// The effort of each encoder. Higher levels would need more time than a worker may take for one response, or more
// memory.
struct CompressionLevels {
    static constexpr std::uint32_t max_gzip = 9, max_br = 6, max_zstd = 9;

    std::uint32_t gzip = 5, br = 5, zstd = 5;
    bool operator==(const CompressionLevels&) const = default;
};

struct Compression {
    // Media types in lower case; "text/*" means all of its subtypes.
    std::vector<std::string> types{"text/*",
                                   "application/json",
                                   "application/javascript",
                                   "application/xml",
                                   "application/xhtml+xml",
                                   "application/atom+xml",
                                   "application/rss+xml",
                                   "application/ld+json",
                                   "application/manifest+json",
                                   "application/problem+json",
                                   "application/wasm",
                                   "image/svg+xml",
                                   "font/otf",
                                   "font/ttf"};
    Size min_size{1024};
    std::vector<ContentCoding> encodings{ContentCoding::br, ContentCoding::zstd, ContentCoding::gzip}; // by preference
    CompressionLevels levels;
    bool skip_authenticated = false; // leave responses to requests with credentials as they are
    bool operator==(const Compression&) const = default;
};

} // namespace weir::conf
