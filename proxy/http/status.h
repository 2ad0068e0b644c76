// Statuses that weir answers with itself, and their pages.
//
// Thread: pure functions.
// Lifetime: texts are static.
#pragma once

#include "proxy/io/buffer.h"

#include <chrono>
#include <string_view>

namespace weir::proxy::http {

std::string_view reason_of(int status); // "Bad Gateway"; "Unknown" for what weir never sends

enum class Connection { keep, close };
enum class PageBody { sent, left_out }; // left out in answer to a HEAD

// Writes a whole response: head and a line of text.
void write_page(Buffer& out, int status, Connection connection, PageBody body,
                std::chrono::seconds retry_after = std::chrono::seconds(0)); // 0: does not say

} // namespace weir::proxy::http
