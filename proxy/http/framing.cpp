#include "proxy/http/framing.h"

#include "proxy/http/chars.h"

namespace weir::proxy::http {
namespace {

constexpr std::size_t most_digits = 18; // fits 63 bits with room

bool read_length(std::string_view text, std::uint64_t& length) {
    if (text.empty() || text.size() > most_digits) return false;
    length = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

// `otherwise` is the kind of a message that says nothing.
FramingResult decide(const std::vector<Field>& fields, int minor_version, BodyKind otherwise) {
    int lengths = 0, encodings = 0;
    Framing framing{otherwise};
    for (const auto& field : fields) {
        if (field.id == FieldId::content_length) {
            if (++lengths > 1) return {{}, "more than one Content-Length"};
            if (!read_length(field.value, framing.length)) return {{}, "an illegal Content-Length"};
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
    return decide(head.fields, head.minor_version, BodyKind::none);
}

FramingResult response_framing(const ResponseHead& head, AnswerTo to) {
    const auto result = decide(head.fields, head.minor_version, BodyKind::until_close);
    const bool never_a_body = to == AnswerTo::head || head.status < 200 || head.status == 204 || head.status == 304;
    if (result.error || !never_a_body) return result;
    return {{BodyKind::none, result.framing.length}};
}

} // namespace weir::proxy::http
