#include "proxy/http2/response_text.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/head_writer.h"
#include "proxy/http1/scan.h"
#include "proxy/http1/status.h"
#include "proxy/http2/field_lines.h"
#include "proxy/http2/legal_fields.h"
#include "proxy/http2/websocket_handshake.h"

#include <algorithm>
#include <charconv>

namespace weir::proxy::http2 {
namespace {

using http::HeadStatus;

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return http::is_digit(c); });
}

} // namespace

void ResponseText::begin(const http::HeadLimits& limits) {
    lines_.clear();
    limits_ = {limits.size, std::min(limits.count, http::max_field_count)};
    size_ = count_ = 0;
    length_.reset();
    status_ = 0;
    refusal_ = {HeadStatus::complete};
}

void ResponseText::refuse(int code, const char* reason) {
    if (refusal_.status == HeadStatus::complete) refusal_ = {HeadStatus::refused, code, reason};
}

void ResponseText::add(std::string_view name, std::string_view value) {
    if (refusal_.status == HeadStatus::refused) return;
    size_ += name.size() + value.size() + field_overhead;
    if (size_ > limits_.size) return refuse(431, "the head is too large");
    if (name == ":status") return set_status(value);
    if (status_ == 0) return refuse("no :status before the fields");
    if (!is_field_name(name)) return refuse("a field name that is empty or has an illegal byte");
    if (!is_field_value(value)) return refuse("a control byte in a value, or blanks around it");
    if (!passes_between_connections(name, value)) return refuse("a field that is specific to a connection");
    if (++count_ > limits_.count) return refuse(431, "too many fields");
    if (name == "sec-websocket-accept") return; // belongs to a handshake that HTTP/2 does without
    if (name == "content-length") set_length(value);
    add_field_line(lines_, name, value);
}

// 101 does not exist in HTTP/2 (RFC 9113 section 8.6).
void ResponseText::set_status(std::string_view value) {
    if (status_ != 0 || count_ > 0) return refuse("more than one :status");
    if (value.size() != 3 || !is_number(value) || value.front() == '0') return refuse("an illegal :status");
    std::from_chars(value.data(), value.data() + value.size(), status_);
    constexpr int switching_protocols = 101;
    if (status_ == switching_protocols || status_ > 599) refuse("an illegal :status");
}

void ResponseText::set_length(std::string_view value) {
    if (length_) return refuse("more than one content-length");
    if (!is_number(value) || value.size() > max_length_digits) return refuse("an illegal content-length");
    std::from_chars(value.data(), value.data() + value.size(), length_.emplace());
}

http::HeadResult ResponseText::finish() {
    if (status_ == 0) refuse("no :status");
    return refusal_;
}

void ResponseText::write(Buffer& out) const {
    http::HeadWriter writer(out);
    writer.put("HTTP/1.1 ").put_number(static_cast<std::uint64_t>(status_)).put(" ").put(http::reason_of(status_));
    writer.put("\r\n").put(lines_).put("\r\n");
}

void ResponseText::write_switch(Buffer& out, std::string_view websocket_key) const {
    http::HeadWriter writer(out);
    writer.put("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    writer.field("Sec-WebSocket-Accept", websocket_accept(websocket_key)).put(lines_).put("\r\n");
}

} // namespace weir::proxy::http2
