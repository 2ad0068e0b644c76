#include "proxy/http1/head.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/scan.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

constexpr HeadResult refused(int code, const char* reason) { return {HeadStatus::refused, code, reason}; }
constexpr HeadResult complete{HeadStatus::complete};

// Which bytes a line may hold: strict for requests, tolerant for responses, whose control bytes weir does not forward.
enum class Bytes { strict, tolerant };

bool is_allowed(char c, Bytes allowed) { return allowed == Bytes::strict ? is_value(c) : is_line(c); }

// Reads forward through bytes that end with an empty line.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

    char peek() const { return *at_; }
    std::size_t offset(std::string_view bytes) const { return static_cast<std::size_t>(at_ - bytes.data()); }
    bool take(char c) {
        const bool is_there = *at_ == c;
        if (is_there) ++at_;
        return is_there;
    }
    bool take_crlf() {
        const bool is_there = at_[0] == '\r' && at_[1] == '\n';
        if (is_there) at_ += 2;
        return is_there;
    }
    template <bool (*Is)(char)> std::string_view run() {
        const char* start = at_;
        while (Is(*at_)) ++at_;
        return {start, static_cast<std::size_t>(at_ - start)};
    }
    std::string_view run_target() {
        const char* start = std::exchange(at_, skip_target(at_, end_));
        return {start, static_cast<std::size_t>(at_ - start)};
    }

    // Reads the rest of a line. Tolerant: also reads past control bytes, and sets `has_controls` then.
    template <Bytes allowed> std::string_view run_text(bool& has_controls) {
        const char* start = std::exchange(at_, skip_value(at_, end_));
        if (allowed == Bytes::tolerant && *at_ != '\r') has_controls = !run<is_line>().empty() || has_controls;
        return {start, static_cast<std::size_t>(at_ - start)};
    }

private:
    const char* at_; // CR and LF belong to no class, so a run never passes the end of its line
    const char* end_;
};

// Returns the length of the head, or npos if it is incomplete. The first `seen` bytes do not hold all of it.
std::size_t head_length(std::string_view bytes, std::size_t seen) {
    return find_head_end(bytes, seen < 3 ? 0 : seen - 3);
}

// Finds the first byte that keeps an incomplete head from becoming a legal one: a line end other than CRLF, or an
// illegal byte. Returns its offset, or npos if there is none.
std::size_t find_hopeless(std::string_view bytes, std::size_t seen, Bytes allowed) {
    for (std::size_t i = seen ? seen - 1 : 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (is_allowed(c, allowed)) continue;
        const bool crlf =
            c == '\r' ? i + 1 == bytes.size() || bytes[i + 1] == '\n' : c == '\n' && i > 0 && bytes[i - 1] == '\r';
        if (!crlf) return i;
    }
    return std::string_view::npos;
}

HeadResult check_incomplete(std::string_view bytes, const HeadLimits& limits, HeadScan& scan, Bytes allowed) {
    const auto seen = std::exchange(scan.seen, bytes.size());
    if (const auto at = find_hopeless(bytes, seen, allowed); at != std::string_view::npos)
        return {HeadStatus::refused, 400, "a line does not end in CRLF, or contains a control byte", at};
    if (bytes.size() < limits.size) return {HeadStatus::incomplete};
    const bool in_first_line = bytes.find('\n') == std::string_view::npos;
    return in_first_line ? refused(414, "the request line is too long") : refused(431, "the head is too large");
}

// Every value but `supported` is the HTTP status of the refusal.
enum class VersionStatus { supported = 0, malformed = 400, unsupported = 505 };

// Parses "HTTP/1.0" or "HTTP/1.1", and sets the minor version.
VersionStatus read_version(Cursor& cursor, int& minor) {
    for (const char c : std::string_view("HTTP/"))
        if (!cursor.take(c)) return VersionStatus::malformed;
    const char major = cursor.peek();
    if (!is_digit(major) || !cursor.take(major) || !cursor.take('.')) return VersionStatus::malformed;
    const char digit = cursor.peek();
    if (!is_digit(digit) || !cursor.take(digit)) return VersionStatus::malformed;
    minor = digit - '0';
    return major == '1' && minor <= 1 ? VersionStatus::supported : VersionStatus::unsupported;
}

// Reads the fields up to the empty line. Tolerant: sets `has_controls` if a value has control bytes.
template <Bytes allowed>
HeadResult read_fields(Cursor& cursor, const HeadLimits& limits, std::vector<Field>& fields, bool& has_controls) {
    const auto most = std::min(limits.count, max_field_count);
    fields.clear();
    while (!cursor.take_crlf()) {
        const auto name = cursor.run<is_token>();
        if (name.empty())
            return refused(400,
                           is_blank(cursor.peek()) ? "a folded header line" : "a header name with an illegal byte");
        if (!cursor.take(':')) return refused(400, "no colon right after a header name");
        const auto value = cursor.run_text<allowed>(has_controls);
        if (!cursor.take_crlf()) return refused(400, "a control byte in a header value");
        if (fields.size() == most) return refused(431, "too many header fields");
        fields.push_back({name, trim(value), identify(name)});
    }
    return complete;
}

// Returns the result with the offset that the cursor has reached.
HeadResult at_place(HeadResult result, const Cursor& cursor, std::string_view bytes) {
    result.at = cursor.offset(bytes);
    return result;
}

std::string_view find_in(const std::vector<Field>& fields, FieldId id) {
    for (const auto& field : fields)
        if (field.id == id) return field.value;
    return {};
}

// Returns true for a host with an optional port of digits (RFC 9110 section 4.2: no user information).
bool is_authority(std::string_view text) {
    if (text.empty() || text.size() > 255) return false;
    const auto host = host_of(text);
    if (host.empty()) return false;
    const bool literal = host.front() == '['; // RFC 3986 section 3.2.2
    if (literal && host.back() != ']') return false;
    for (const char c : host)
        if (literal ? !is_host(c) : !is_name(c)) return false;
    const auto port = text.substr(host.size());
    return port.empty() ||
           (port.front() == ':' && port.size() <= 6 && std::all_of(port.begin() + 1, port.end(), is_digit));
}

// Returns the port of an authority, or the scheme's default port if there is none (RFC 9110 section 4.2.3).
unsigned port_of(std::string_view authority, std::string_view scheme) {
    const auto digits = authority.substr(std::min(host_of(authority).size() + 1, authority.size()));
    if (digits.empty()) return same_word(scheme, "https") ? 443 : 80;
    unsigned port = 0;
    for (const char c : digits) port = port * 10 + static_cast<unsigned>(c - '0');
    return port;
}

// Returns true if two authorities name the same server, regardless of case, the root's dot and the default port.
bool same_authority(std::string_view a, std::string_view b, std::string_view scheme) {
    return same_name(without_root(host_of(a)), without_root(host_of(b))) && port_of(a, scheme) == port_of(b, scheme);
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
        return head.method == "OPTIONS" ? complete : refused(400, "the target * is valid only for OPTIONS");
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

// Returns the scheme of a target in absolute form.
std::string_view scheme_of(const RequestHead& head) { return head.target.substr(0, head.target.find(':')); }

// HTTP/1.1 requires exactly one legal Host, which must agree with the target (RFC 9112 section 3.2).
HeadResult read_host(RequestHead& head) {
    std::size_t hosts = 0;
    std::string_view host;
    for (const auto& field : head.fields)
        if (field.id == FieldId::host) ++hosts, host = field.value;
    if (hosts > 1) return refused(400, "more than one Host");
    if (hosts == 0 && head.minor_version == 1) return refused(400, "no Host");
    if (hosts == 1 && !is_authority(host)) return refused(400, "an illegal Host");
    if (hosts == 1 && !head.authority.empty() && !same_authority(host, head.authority, scheme_of(head)))
        return refused(400, "Host and target disagree");
    if (head.authority.empty()) head.authority = host;
    return complete;
}

HeadResult read_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head, HeadScan& scan) {
    const auto length = head_length(bytes, scan.seen);
    if (length == std::string_view::npos) return check_incomplete(bytes, limits, scan, Bytes::strict);
    if (length > limits.size) return check_incomplete(bytes.substr(0, limits.size), limits, scan, Bytes::strict);
    head.length = length;
    head.authority = {};
    Cursor cursor(bytes);
    head.method = cursor.run<is_token>();
    if (head.method.empty() || !cursor.take(' ')) return at_place(refused(400, "no method"), cursor, bytes);
    if (head.method == "CONNECT" || head.method == "TRACE" || head.method == "PRI")
        return refused(405, "a method that weir does not support");
    head.target = cursor.run_target();
    if (head.target.empty() || !cursor.take(' ')) return at_place(refused(400, "an illegal target"), cursor, bytes);
    if (const auto status = read_version(cursor, head.minor_version); status != VersionStatus::supported)
        return at_place(refused(static_cast<int>(status), "not HTTP/1.0 or HTTP/1.1"), cursor, bytes);
    if (!cursor.take_crlf()) return at_place(refused(400, "unexpected bytes after the version"), cursor, bytes);
    bool has_controls = false; // strict parsing never sets it
    if (const auto result = read_fields<Bytes::strict>(cursor, limits, head.fields, has_controls);
        result.status != HeadStatus::complete)
        return at_place(result, cursor, bytes);
    if (const auto result = read_target(head); result.status != HeadStatus::complete) return result;
    return read_host(head);
}

} // namespace

std::string_view without_root(std::string_view host) {
    if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
    return host;
}

std::string_view RequestHead::find(FieldId id) const { return find_in(fields, id); }
std::string_view RequestHead::find_only(std::string_view name) const {
    const Field* found = nullptr;
    for (const auto& field : fields) {
        if (!same_name(field.name, name)) continue;
        if (found) return {};
        found = &field;
    }
    return found ? found->value : std::string_view();
}

std::string_view ResponseHead::find(FieldId id) const { return find_in(fields, id); }

std::string_view host_of(std::string_view authority) {
    if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
    return authority.substr(0, authority.find(':'));
}

HeadResult parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head, HeadScan& scan) {
    // One empty line before a request is ignored (RFC 9112 section 2.2).
    if (bytes.starts_with("\r\n")) {
        if (bytes.substr(2).starts_with('\r')) return refused(400, "more than one empty line before the request");
        HeadScan rest{scan.seen < 2 ? 0 : scan.seen - 2};
        auto result = read_request(bytes.substr(2), limits, head, rest);
        result.at += 2;
        scan.seen = rest.seen + 2;
        head.length += 2;
        return result;
    }
    return read_request(bytes, limits, head, scan);
}
HeadResult parse_response(std::string_view bytes, const HeadLimits& limits, ResponseHead& head, HeadScan& scan) {
    const auto length = head_length(bytes, scan.seen);
    if (length == std::string_view::npos) return check_incomplete(bytes, limits, scan, Bytes::tolerant);
    if (length > limits.size) return refused(431, "the head is too large");
    head.length = length;
    Cursor cursor(bytes);
    if (read_version(cursor, head.minor_version) != VersionStatus::supported || !cursor.take(' '))
        return at_place(refused(502, "not an HTTP/1 status line"), cursor, bytes);
    const auto digits = cursor.run<is_digit>();
    if (digits.size() != 3 || digits[0] < '1' || digits[0] > '5') return refused(502, "an illegal status");
    head.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    head.has_controls = false;
    head.reason = cursor.take(' ') ? cursor.run_text<Bytes::tolerant>(head.has_controls) : std::string_view();
    if (!cursor.take_crlf()) return at_place(refused(502, "an illegal status line"), cursor, bytes);
    return at_place(read_fields<Bytes::tolerant>(cursor, limits, head.fields, head.has_controls), cursor, bytes);
}

} // namespace weir::proxy::http
