// The responses that weir generates itself: their statuses and their pages.
//
// Thread: pure functions.
// Lifetime: texts are static.
#pragma once

#include "conf/model/http_version.h"
#include "proxy/io/buffer.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace weir::proxy::http {

// Returns the reason phrase of a status, such as "Bad Gateway"; "Unknown" for one that is not registered.
std::string_view reason_of(int status);

enum class Connection { keep, close };
enum class PageBody { sent, left_out }; // left out in a response to HEAD

// A response that weir generates itself.
struct Page {
    int status;
    Connection connection = Connection::close;
    PageBody body = PageBody::sent;
    conf::HttpVersion client = conf::HttpVersion::http1_1; // HTTP/1.0 is told explicitly that its connection is kept
    std::chrono::seconds retry_after{0};                   // 0: no Retry-After
    std::string_view date{};                               // empty: no Date
    std::string_view location{};                           // empty: no Location
    std::string_view hint{};                               // a second line of text; empty: none
    std::string_view content_type = "text/plain; charset=utf-8"; // empty: no Content-Type
    std::optional<std::string_view> text{};                      // the body, in place of the status as text
    std::string_view fields{};                                   // lines of further header fields
};

// A page as it is sent.
struct WrittenPage {
    std::size_t body_size;   // bytes
    std::string_view rest{}; // the part of the body that follows `out`: Page::text, which may be large
};

// Writes the head of a page to `out`, and the body if it is not Page::text.
WrittenPage write_page(Buffer& out, const Page& page);

} // namespace weir::proxy::http
