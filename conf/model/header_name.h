// Names of header fields, as backends compare them.
//
// Thread: pure function.
// Lifetime: values.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

// Returns a form of the name that is equal for names that CGI and WSGI backends cannot distinguish: in lower case, with
// '-' in place of every character that is neither a letter nor a digit. Such a backend sees X-Api, x_api and X.Api as
// one name: HTTP_X_API.
inline std::string fold_header_name(std::string_view name) {
    std::string folded(name);
    for (auto& c : folded) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) c = '-';
    }
    return folded;
}

} // namespace weir::conf
