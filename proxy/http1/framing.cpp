#include "proxy/http1/framing.h"

#include "proxy/http1/chars.h"

namespace weir::proxy::http {
namespace {

constexpr std::size_t max_length_digits = 18; // always fits 63 bits

bool read_length(std::string_view text, std::uint64_t& length) {
    if (text.empty() || text.size() > max_length_digits) return false;
    length = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

// Whether repeated lengths are an error even if they agree.
enum class Repeats { refused, merged };

// Reads "5, 5" as 5 (RFC 9110 section 8.6). `lengths` counts the numbers read so far.
const char* read_lengths(std::string_view text, Repeats repeats, int& lengths, std::uint64_t& length) {
    for (;;) {
        const auto comma = repeats == Repeats::merged ? text.find(',') : std::string_view::npos;
        std::uint64_t next = 0;
        if (++lengths > 1 && repeats == Repeats::refused) return "more than one Content-Length";
        if (!read_length(trim(text.substr(0, comma)), next)) return "an illegal Content-Length";
        if (lengths > 1 && next != length) return "two Content-Lengths that differ";
        length = next;
        if (comma == std::string_view::npos) return nullptr;
        text.remove_prefix(comma + 1);
    }
}

// `otherwise` is the kind of a message without framing fields.
FramingResult decide(const std::vector<Field>& fields, int minor_version, BodyKind otherwise, Repeats repeats) {
    int lengths = 0, encodings = 0;
    Framing framing{otherwise};
    for (const auto& field : fields) {
        if (field.id == FieldId::content_length) {
            if (const auto* error = read_lengths(field.value, repeats, lengths, framing.length)) return {{}, error};
            framing.kind = BodyKind::length;
        } else if (field.id == FieldId::transfer_encoding) {
            if (++encodings > 1) return {{}, "more than one Transfer-Encoding"};
            if (!same_word(field.value, "chunked")) return {{}, "a Transfer-Encoding other than chunked"};
            framing.kind = BodyKind::chunked;
        }
    }
    if (lengths && encodings) return {{}, "both Content-Length and Transfer-Encoding"};
    if (encodings && minor_version == 0) return {{}, "Transfer-Encoding in HTTP/1.0"};
    return {framing};
}

} // namespace

FramingResult request_framing(const RequestHead& head) {
    return decide(head.fields, head.minor_version, BodyKind::none, Repeats::refused);
}

FramingResult response_framing(const ResponseHead& head, AnswerTo to) {
    const auto result = decide(head.fields, head.minor_version, BodyKind::until_close, Repeats::merged);
    const bool never_a_body = to == AnswerTo::head || head.status < 200 || head.status == 204 || head.status == 304;
    if (result.error || !never_a_body) return result;
    return {{BodyKind::none, result.framing.length}};
}

} // namespace weir::proxy::http
