// Lower case for names that ignore the case of ASCII letters, such as host names. Does not depend on the locale.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <string>

namespace weir {

inline std::string lower_case(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return text;
}

} // namespace weir
