// The statuses that an error page is for: one ("502") or a class of them ("5xx").
//
// Thread: pure function.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"

#include <optional>
#include <string_view>

namespace weir::conf {

// Returns the statuses that a key of `error_pages` means; unset if it means none.
inline std::optional<StatusRange> parse_error_statuses(std::string_view text) {
    if (text == "4xx") return StatusRange{400, 499};
    if (text == "5xx") return StatusRange{500, 599};
    const auto status = parse_whole(text, 400, 599);
    if (!status) return std::nullopt;
    return StatusRange{static_cast<std::uint16_t>(*status), static_cast<std::uint16_t>(*status)};
}

} // namespace weir::conf
