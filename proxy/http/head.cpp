#include "proxy/http/head.h"

#include "proxy/http/chars.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::proxy::http {
namespace {

constexpr HeadResult refused(int code, const char* why) { return {HeadStatus::refused, code, why}; }
constexpr HeadResult complete{HeadStatus::complete};

// Reads forward through bytes that end with an empty line.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : at_(bytes.data()) {}

    char peek() const { return *at_; }
    bool take(char c) { return *at_ == c && (++at_, true); }
    bool take_crlf() { return at_[0] == '\r' && at_[1] == '\n' && (at_ += 2, true); }
    template <bool (*Is)(char)> std::string_view run() {
        const char* start = at_;
        while (Is(*at_)) ++at_;
        return {start, static_cast<std::size_t>(at_ - start)};
    }

private:
    const char* at_; // CR and LF belong to no class, so a run never passes the end of its line
};

// How far a head reaches: npos while its end has not come. The first `seen` bytes do not hold all of it.
std::size_t head_length(std::string_view bytes, std::size_t seen) {
    const auto from = seen < 3 ? 0 : seen - 3;
    const auto* end = static_cast<const char*>(::memmem(bytes.data() + from, bytes.size() - from, "\r\n\r\n", 4));
    return end ? static_cast<std::size_t>(end - bytes.data()) + 4 : std::string_view::npos;
}

// Whether a head that is still coming can't become a legal one: a line end that is no CRLF, or a control byte.
bool is_hopeless(std::string_view bytes, std::size_t seen) {
    for (std::size_t i = seen ? seen - 1 : 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (is_value(c)) continue;
        const bool crlf =
            c == '\r' ? i + 1 == bytes.size() || bytes[i + 1] == '\n' : c == '\n' && i > 0 && bytes[i - 1] == '\r';
        if (!crlf) return true;
    }
    return false;
}

HeadResult check_incomplete(std::string_view bytes, const HeadLimits& limits, HeadScan& scan) {
    const auto seen = std::exchange(scan.seen, bytes.size());
    if (is_hopeless(bytes, seen)) return refused(400, "a line does not end in CRLF, or holds a control byte");
    if (bytes.size() < limits.size) return {HeadStatus::incomplete};
    const bool in_first_line = bytes.find('\n') == std::string_view::npos;
    return in_first_line ? refused(414, "the request line is too long") : refused(431, "the head is too large");
}

// "HTTP/1.0" or "HTTP/1.1"; sets the code to answer with otherwise.
int read_version(Cursor& cursor, int& minor) {
    for (const char c : std::string_view("HTTP/"))
        if (!cursor.take(c)) return 400;
    const char major = cursor.peek();
    if (!is_digit(major) || !cursor.take(major) || !cursor.take('.')) return 400;
    const char digit = cursor.peek();
    if (!is_digit(digit) || !cursor.take(digit)) return 400;
    minor = digit - '0';
    return major == '1' && minor <= 1 ? 0 : 505;
}

HeadResult read_fields(Cursor& cursor, const HeadLimits& limits, std::vector<Field>& fields) {
    fields.clear();
    while (!cursor.take_crlf()) {
        const auto name = cursor.run<is_token>();
        if (name.empty())
            return refused(400,
                           is_blank(cursor.peek()) ? "a folded header line" : "a header name with an illegal byte");
        if (!cursor.take(':')) return refused(400, "no colon right after a header name");
        const auto value = trim(cursor.run<is_value>());
        if (!cursor.take_crlf()) return refused(400, "a control byte in a header value");
        if (fields.size() == limits.count) return refused(431, "too many header fields");
        fields.push_back({name, value, identify(name)});
    }
    return complete;
}

std::string_view find_in(const std::vector<Field>& fields, FieldId id) {
    for (const auto& field : fields)
        if (field.id == id) return field.value;
    return {};
}

// A host, with a port of digits where there is one (RFC 9110 section 4.2: no user information).
bool is_authority(std::string_view text) {
    if (text.empty() || text.size() > 255) return false;
    for (const char c : text)
        if (!is_host(c)) return false;
    const auto host = host_of(text);
    if (host.empty()) return false;
    const auto rest = text.substr(host.size());
    if (host.front() == '[' ? host.back() != ']' : host.find_first_of("[]:") != std::string_view::npos) return false;
    if (rest.empty()) return true;
    if (rest.front() != ':' || rest.size() > 6) return false;
    for (const char c : rest.substr(1))
        if (!is_digit(c)) return false;
    return true;
}

bool same_authority(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    return true;
}

// Splits the target (RFC 9112 section 3.2) into authority and path.
HeadResult read_target(RequestHead& head) {
    const auto target = head.target;
    if (target.front() == '/') {
        head.path = target;
        return complete;
    }
    if (target == "*") {
        head.path = target;
        return head.method == "OPTIONS" ? complete : refused(400, "the target * is for OPTIONS alone");
    }
    const auto colon = target.find("://");
    const auto scheme = target.substr(0, colon);
    if (colon == std::string_view::npos || (!same_word(scheme, "http") && !same_word(scheme, "https")))
        return refused(400, "a target that is neither a path nor a URL");
    const auto rest = target.substr(colon + 3);
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    head.authority = rest.substr(0, end);
    head.path = rest.substr(end);
    return is_authority(head.authority) ? complete : refused(400, "a target with an illegal authority");
}

// Exactly one legal Host in HTTP/1.1, which agrees with the target (RFC 9112 section 3.2).
HeadResult read_host(RequestHead& head) {
    std::size_t hosts = 0;
    std::string_view host;
    for (const auto& field : head.fields)
        if (field.id == FieldId::host) ++hosts, host = field.value;
    if (hosts > 1) return refused(400, "more than one Host");
    if (hosts == 0 && head.minor_version == 1) return refused(400, "no Host");
    if (hosts == 1 && !is_authority(host)) return refused(400, "an illegal Host");
    if (hosts == 1 && !head.authority.empty() && !same_authority(host, head.authority))
        return refused(400, "Host and target disagree");
    if (head.authority.empty()) head.authority = host;
    return complete;
}

HeadResult read_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head, HeadScan& scan) {
    const auto length = head_length(bytes, scan.seen);
    if (length == std::string_view::npos) return check_incomplete(bytes, limits, scan);
    if (length > limits.size) return check_incomplete(bytes.substr(0, limits.size), limits, scan);
    head.length = length;
    head.authority = {};
    Cursor cursor(bytes);
    head.method = cursor.run<is_token>();
    if (head.method.empty() || !cursor.take(' ')) return refused(400, "no method");
    if (head.method == "CONNECT" || head.method == "TRACE" || head.method == "PRI")
        return refused(405, "a method that weir does not serve");
    head.target = cursor.run<is_target>();
    if (head.target.empty() || !cursor.take(' ')) return refused(400, "an illegal target");
    if (const int code = read_version(cursor, head.minor_version)) return refused(code, "not HTTP/1.0 or HTTP/1.1");
    if (!cursor.take_crlf()) return refused(400, "something after the version");
    if (const auto result = read_fields(cursor, limits, head.fields); result.status != HeadStatus::complete)
        return result;
    if (const auto result = read_target(head); result.status != HeadStatus::complete) return result;
    return read_host(head);
}

} // namespace

std::string_view RequestHead::find(FieldId id) const { return find_in(fields, id); }
std::string_view ResponseHead::find(FieldId id) const { return find_in(fields, id); }

std::string_view host_of(std::string_view authority) {
    if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
    return authority.substr(0, authority.find(':'));
}

HeadResult parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head, HeadScan& scan) {
    // One empty line before a request is forgiven (RFC 9112 section 2.2).
    if (bytes.starts_with("\r\n")) {
        if (bytes.substr(2).starts_with('\r')) return refused(400, "more than one empty line before the request");
        HeadScan rest{scan.seen < 2 ? 0 : scan.seen - 2};
        const auto result = read_request(bytes.substr(2), limits, head, rest);
        scan.seen = rest.seen + 2;
        head.length += 2;
        return result;
    }
    return read_request(bytes, limits, head, scan);
}
HeadResult parse_response(std::string_view bytes, const HeadLimits& limits, ResponseHead& head, HeadScan& scan) {
    const auto length = head_length(bytes, scan.seen);
    if (length == std::string_view::npos) return check_incomplete(bytes, limits, scan);
    if (length > limits.size) return refused(502, "the head is too large");
    head.length = length;
    Cursor cursor(bytes);
    if (read_version(cursor, head.minor_version) || !cursor.take(' ')) return refused(502, "not an HTTP/1 status line");
    const auto digits = cursor.run<is_digit>();
    if (digits.size() != 3 || digits[0] < '1' || digits[0] > '5') return refused(502, "an illegal status");
    head.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    head.reason = cursor.take(' ') ? cursor.run<is_value>() : std::string_view();
    if (!cursor.take_crlf()) return refused(502, "an illegal status line");
    return read_fields(cursor, limits, head.fields);
}

} // namespace weir::proxy::http
