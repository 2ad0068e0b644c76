#include "proxy/http2/request_text.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/head_writer.h"
#include "proxy/http1/scan.h"
#include "proxy/http2/field_lines.h"
#include "proxy/http2/legal_fields.h"

#include <algorithm>

namespace weir::proxy::http2 {
namespace {

using http::FieldId;
using http::HeadStatus;

constexpr std::size_t handshake_lines = 3; // Connection, Upgrade and Sec-WebSocket-Key
constexpr std::string_view websocket_key_name = "sec-websocket-key";

// Schemes are compared in lower case: any other is refused instead of being understood differently by two programs.
bool is_scheme(std::string_view text) { return text == "http" || text == "https"; }

bool is_path(std::string_view text) {
    if (!text.starts_with('/') && text != "*") return false;
    const char* const end = text.data() + text.size();
    return http::skip_target(text.data(), end) == end;
}

struct PseudoFieldRule {
    std::string_view name;
    bool (*is_legal)(std::string_view); // false for an empty text
    const char* error;
};

// In the order of PseudoField. The parser checks the authority's form.
constexpr std::array pseudo_field_rules{
    PseudoFieldRule{":method", is_all<http::is_token>, "an illegal :method"},
    PseudoFieldRule{":scheme", is_scheme, "a :scheme other than http and https"},
    PseudoFieldRule{":authority", is_all<http::is_host>, "an illegal :authority"},
    PseudoFieldRule{":path", is_path, "an illegal :path"},
    PseudoFieldRule{":protocol", is_all<http::is_token>, "an illegal :protocol"},
};

} // namespace

void RequestText::begin(const http::HeadLimits& limits) {
    for (auto& value : pseudo_) value.clear();
    host_.clear();
    cookie_.clear();
    lines_.clear();
    limits_ = {limits.size, std::min(limits.count, http::max_field_count)};
    size_ = count_ = 0;
    refusal_ = {HeadStatus::complete};
    has_field_ = has_cookie_ = has_length_ = has_content_ = is_websocket_ = false;
}

void RequestText::refuse(int code, const char* reason) {
    if (refusal_.status == HeadStatus::complete) refusal_ = {HeadStatus::refused, code, reason};
}

void RequestText::add(std::string_view name, std::string_view value) {
    if (refusal_.status == HeadStatus::refused) return;
    size_ += name.size() + value.size() + field_overhead;
    if (size_ > limits_.size) return refuse(431, "the head is too large");
    if (name.starts_with(':')) return add_pseudo_field(name, value);
    has_field_ = true;
    if (!is_field_name(name)) return refuse("a field name that is empty or has an illegal byte");
    if (!is_field_value(value)) return refuse("a control byte in a value, or blanks around it");
    add_field(name, value);
}

void RequestText::add_pseudo_field(std::string_view name, std::string_view value) {
    if (has_field_) return refuse("a pseudo-field after a field");
    static_assert(pseudo_field_rules.size() == pseudo_field_count);
    for (std::size_t i = 0; i < pseudo_field_count; ++i) {
        const auto& rule = pseudo_field_rules[i];
        if (rule.name != name) continue;
        if (!pseudo_[i].empty()) return refuse("the same pseudo-field twice");
        if (!rule.is_legal(value)) return refuse(rule.error);
        pseudo_[i] = value;
        if (i == protocol_field) is_websocket_ = http::same_word(value, "websocket");
        return;
    }
    refuse("an unknown pseudo-field");
}

void RequestText::add_field(std::string_view name, std::string_view value) {
    switch (http::identify(name)) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::http2_settings: return refuse("a field that is specific to a connection");
    case FieldId::te:
        if (value != "trailers") return refuse("a te other than trailers");
        return add_line(name, value);
    case FieldId::host: return add_host(value);
    case FieldId::content_length: return add_length(value);
    case FieldId::cookie: return add_crumb(value);
    default:
        // Extended CONNECT does without the client's key (RFC 8441 section 5), and the handshake has weir's.
        if (is_websocket_ && http::is_alias(name, websocket_key_name)) return;
        return add_line(name, value);
    }
}

// Joins the crumbs of a cookie (RFC 9113 section 8.2.3).
void RequestText::add_crumb(std::string_view crumb) {
    if (!has_cookie_) count_line();
    has_cookie_ = true;
    if (crumb.empty()) return;
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += crumb;
}

void RequestText::add_host(std::string_view value) {
    if (!host_.empty()) return refuse("more than one host");
    if (!is_all<http::is_host>(value)) return refuse("an illegal host");
    count_line();
    host_ = value;
}

void RequestText::add_length(std::string_view value) {
    if (has_length_) return refuse("more than one content-length");
    if (!is_all<http::is_digit>(value) || value.size() > max_length_digits) return refuse("an illegal content-length");
    has_length_ = true;
    has_content_ = value.find_first_not_of('0') != std::string_view::npos;
    add_line("content-length", value);
}

void RequestText::add_line(std::string_view name, std::string_view value) {
    count_line();
    if (refusal_.status == HeadStatus::refused) return;
    add_field_line(lines_, name, value);
}

void RequestText::count_line() {
    if (++count_ > limits_.count) refuse(431, "too many fields");
}

http::HeadResult RequestText::finish(EndStream end, Buffer& out) {
    check_pseudo_fields();
    check_connect();
    check_authority();
    check_body(end);
    check_support();
    check_count(end);
    if (refusal_.status == HeadStatus::complete) write(end, out);
    return refusal_;
}

void RequestText::check_pseudo_fields() {
    if (pseudo_[method_field].empty()) return refuse("no :method");
    if (pseudo_[method_field] == "CONNECT" && pseudo_[protocol_field].empty()) return; // has a form of its own
    if (pseudo_[scheme_field].empty()) return refuse("no :scheme");
    if (pseudo_[path_field].empty()) return refuse("no :path");
    if (pseudo_[path_field] == "*" && pseudo_[method_field] != "OPTIONS")
        refuse("the :path * is valid only for OPTIONS");
}

void RequestText::check_connect() {
    const bool is_connect = pseudo_[method_field] == "CONNECT";
    if (!is_connect && !pseudo_[protocol_field].empty()) return refuse("a :protocol without CONNECT");
    if (!is_connect) return;
    if (pseudo_[authority_field].empty()) return refuse("CONNECT without :authority");
    if (pseudo_[protocol_field].empty() && !(pseudo_[scheme_field].empty() && pseudo_[path_field].empty()))
        refuse("CONNECT with :scheme or :path"); // RFC 9113 section 8.5
}

void RequestText::check_authority() {
    if (pseudo_[authority_field].empty() && host_.empty()) return refuse("neither :authority nor host");
    // The absolute form of OPTIONS * has no path, which means / here.
    if (pseudo_[path_field] == "*" && !host_.empty() && host_ != authority()) refuse("host and :authority differ");
}

void RequestText::check_body(EndStream end) {
    if (end == EndStream::yes && has_content_) return refuse("a content-length, but no body");
    if (pseudo_[protocol_field].empty()) return;
    if (has_length_) return refuse("an extended CONNECT with content-length");
    if (end == EndStream::yes) refuse("an extended CONNECT that ends at once");
}

// Refuses what is legal, but not supported.
void RequestText::check_support() {
    const auto& method = pseudo_[method_field];
    const bool is_tunnel = method == "CONNECT" && pseudo_[protocol_field].empty();
    if (is_tunnel || method == "TRACE" || method == "PRI") return refuse(405, "a method that weir does not support");
    if (!pseudo_[protocol_field].empty() && !is_websocket_) refuse(501, "a :protocol other than websocket");
}

void RequestText::check_count(EndStream end) {
    auto lines = count_;
    if (host_.empty()) ++lines;
    if (is_chunked(end)) ++lines;
    if (is_websocket_) lines += handshake_lines;
    if (lines > limits_.count) refuse(431, "too many fields");
}

void RequestText::write(EndStream end, Buffer& out) const {
    http::HeadWriter writer(out);
    writer.put(is_websocket_ ? "GET" : method()).put(" ");
    // The parser compares the target's authority with Host, ignoring case and default ports.
    if (!host_.empty() && host_ != authority()) writer.put(pseudo_[scheme_field]).put("://").put(authority());
    writer.put(path()).put(" HTTP/1.1\r\n").field("Host", host_.empty() ? authority() : host_).put(lines_);
    if (has_cookie_) writer.field("Cookie", cookie_);
    if (is_websocket_)
        writer.put("Connection: Upgrade\r\nUpgrade: websocket\r\n").field("Sec-WebSocket-Key", websocket_key_);
    if (is_chunked(end)) writer.put("Transfer-Encoding: chunked\r\n");
    writer.put("\r\n");
}

} // namespace weir::proxy::http2
