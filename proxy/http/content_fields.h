// Writes the fields of a response that change if weir compresses its content, or might have.
//
// Thread: pure functions and values.
// Lifetime: the functions keep nothing.
#pragma once

#include "conf/model/config.h"
#include "proxy/http1/dropped_fields.h"
#include "proxy/http1/head_writer.h"

#include <optional>

namespace weir::proxy::http {

enum class Validators { kept, weakened };

// What compression changes in the head of a response. A response that might have been compressed for another client
// says so with Vary, whether it is compressed or not.
struct ContentChange {
    std::optional<conf::ContentCoding> coding{}; // of the content as it is sent; unset: as the backend sent it
    Validators validators = Validators::kept;    // weakened: the content is not the same byte for byte
};

// Writes the fields that replace those of the backend, and drops the latter. `edit` is what the route changes, null if
// it changes nothing; fields that it sets or removes must have been dropped.
void write_content_fields(HeadWriter& writer, const ResponseHead& head, const ContentChange& change,
                          const conf::HeaderEdit* edit, DroppedFields& dropped);

} // namespace weir::proxy::http
