// Names of header fields, as backends compare them.
//
// Thread: pure function.
// Lifetime: values.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

// Returns the name in the form in which CGI and WSGI backends distinguish names: in lower case, with '-' for every
// other character. They see X-Api, x_api and X.Api as one name: HTTP_X_API.
inline std::string fold_header_name(std::string_view name) {
    std::string folded(name);
    for (auto& c : folded) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) c = '-';
    }
    return folded;
}

} // namespace weir::conf
