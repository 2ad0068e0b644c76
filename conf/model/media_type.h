// The media type of a file by its extension.
//
// Thread: pure function.
// Lifetime: texts are static.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace weir::conf {

inline constexpr std::array<std::pair<std::string_view, std::string_view>, 16> media_types{{
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"json", "application/json"},
    {"xml", "application/xml"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"ico", "image/x-icon"},
    {"pdf", "application/pdf"},
}};

// Returns the media type of a file, or an empty text if its extension, which must be in lower case, says nothing.
inline std::string_view media_type_of(std::string_view path) {
    const auto extension = path.substr(path.find_last_of("./") + 1);
    const auto found = std::find_if(media_types.begin(), media_types.end(),
                                    [&](const auto& known) { return known.first == extension; });
    return found == media_types.end() ? std::string_view() : found->second;
}

} // namespace weir::conf
