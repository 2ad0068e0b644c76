// Fields between their two forms: HTTP/1.1 lines ("Name: value" and CRLF), and the pairs that the library takes.
//
// Thread: pure functions.
// Lifetime: the pairs point into the bytes of the lines.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// Returns the pair of a name and a value, which must outlive it.
nghttp2_nv make_field(std::string_view name, std::string_view value);

// Returns false for a field that is specific to a connection, and so is no part of an HTTP/2 message (RFC 9113 section
// 8.2.2). The name is in lower case.
bool passes_between_connections(std::string_view name, std::string_view value);

using FieldFilter = bool (*)(std::string_view name, std::string_view value);

// Appends the fields of the lines to `fields`, up to the first line that is empty or does not end, and without those
// that `passes` refuses. Changes the names in `lines` to lower case (RFC 9113 section 8.2).
void read_field_lines(std::span<char> lines, FieldFilter passes, std::vector<nghttp2_nv>& fields);

// Appends a line. The field must be legal.
void add_field_line(std::string& lines, std::string_view name, std::string_view value);

} // namespace weir::proxy::http2
