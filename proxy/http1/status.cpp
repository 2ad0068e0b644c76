#include "proxy/http1/status.h"

#include "proxy/http1/head_writer.h"

namespace weir::proxy::http {

std::string_view reason_of(int status) {
    switch (status) {
    case 100: return "Continue";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    case 511: return "Network Authentication Required";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 305: return "Use Proxy";
    case 407: return "Proxy Authentication Required";
    case 418: return "I'm a teapot";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 506: return "Variant Also Negotiates";
    case 508: return "Loop Detected";
    case 510: return "Not Extended";
    default: return "Unknown";
    }
}

WrittenPage write_page(Buffer& out, const Page& page) {
    const auto reason = reason_of(page.status);
    const auto status = static_cast<std::uint64_t>(page.status);
    HeadWriter writer(out);
    writer.put("HTTP/1.1 ").put_number(status).put(" ").put(reason).put("\r\n");
    const bool has_body = page.status != 204 && page.status != 304; // RFC 9110 section 6.4.1
    if (has_body && !page.content_type.empty()) writer.field("Content-Type", page.content_type);
    const auto usual_size = reason.size() + 5 + (page.hint.empty() ? 0 : page.hint.size() + 1);
    const auto body_size = page.text ? page.text->size() : usual_size;
    if (has_body) writer.put("Content-Length: ").put_number(body_size).put("\r\n");
    if (!page.date.empty()) writer.field("Date", page.date);
    if (!page.location.empty()) writer.field("Location", page.location);
    if (page.status == 405 && !page.text) writer.field("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
    if (page.retry_after.count() > 0)
        writer.put("Retry-After: ").put_number(static_cast<std::uint64_t>(page.retry_after.count())).put("\r\n");
    if (page.connection == Connection::close) writer.field("Connection", "close");
    else if (page.client == conf::HttpVersion::http1_0) writer.field("Connection", "keep-alive");
    writer.put(page.fields).put("\r\n");
    if (page.body == PageBody::left_out || !has_body) return {0};
    if (page.text) return {body_size, *page.text};
    writer.put_number(status).put(" ").put(reason).put("\n");
    if (!page.hint.empty()) writer.put(page.hint).put("\n");
    return {body_size};
}

} // namespace weir::proxy::http
