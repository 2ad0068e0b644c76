// Decodes content as clients do, by the decoders of the libraries.
//
// Thread: the test's.
// Lifetime: a value.
#pragma once

#include "conf/model/compression.h"

#include <string>
#include <string_view>

namespace weir::tests {

struct DecodedContent {
    std::string text;
    bool is_whole = false; // the end of the content was found, and nothing behind it
};

// Decodes as much of the content as there is. Throws std::runtime_error if it is malformed.
DecodedContent decode_content(conf::ContentCoding coding, std::string_view bytes);

} // namespace weir::tests
