#include "proxy/http1/status.h"

#include "proxy/http1/head_writer.h"

namespace weir::proxy::http {

std::string_view reason_of(int status) {
    switch (status) {
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

std::size_t write_page(Buffer& out, const Page& page) {
    const auto reason = reason_of(page.status);
    const auto status = static_cast<std::uint64_t>(page.status);
    HeadWriter writer(out);
    writer.put("HTTP/1.1 ").put_number(status).put(" ").put(reason).put("\r\n");
    writer.field("Content-Type", "text/plain; charset=utf-8");
    const auto body_size = reason.size() + 5 + (page.hint.empty() ? 0 : page.hint.size() + 1);
    writer.put("Content-Length: ").put_number(body_size).put("\r\n");
    if (!page.date.empty()) writer.field("Date", page.date);
    if (!page.location.empty()) writer.field("Location", page.location);
    if (page.status == 405) writer.field("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
    if (page.retry_after.count() > 0)
        writer.put("Retry-After: ").put_number(static_cast<std::uint64_t>(page.retry_after.count())).put("\r\n");
    if (page.connection == Connection::close) writer.field("Connection", "close");
    else if (page.client_minor == 0) writer.field("Connection", "keep-alive");
    writer.put("\r\n");
    if (page.body == PageBody::left_out) return 0;
    writer.put_number(status).put(" ").put(reason).put("\n");
    if (!page.hint.empty()) writer.put(page.hint).put("\n");
    return body_size;
}

} // namespace weir::proxy::http
