#include "proxy/http/status.h"

#include "proxy/http/head_writer.h"

namespace weir::proxy::http {

std::string_view reason_of(int status) {
    switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
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

void write_page(Buffer& out, int status, Connection connection, PageBody body, std::chrono::seconds retry_after) {
    const auto reason = reason_of(status);
    HeadWriter writer(out);
    writer.put("HTTP/1.1 ").put_number(static_cast<std::uint64_t>(status)).put(" ").put(reason);
    writer.put("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ").put_number(reason.size() + 5);
    if (status == 405) writer.put("\r\nAllow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
    if (retry_after.count() > 0)
        writer.put("\r\nRetry-After: ").put_number(static_cast<std::uint64_t>(retry_after.count()));
    writer.put(connection == Connection::close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
    if (body == PageBody::sent) writer.put_number(static_cast<std::uint64_t>(status)).put(" ").put(reason).put("\n");
}

} // namespace weir::proxy::http
