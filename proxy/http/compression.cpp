#include "proxy/http/compression.h"

#include "proxy/compress/accept_encoding.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

bool forbids_transforming(std::string_view cache_control) {
    bool found = false;
    for_each_element(cache_control,
                     [&](std::string_view element) { found = found || same_word(element, "no-transform"); });
    return found;
}

// Returns true if content with this Content-Encoding is not encoded.
bool is_identity(std::string_view encoding) { return encoding.empty() || same_word(encoding, "identity"); }

// What a response says about its content.
struct ContentFacts {
    std::string_view type; // the media type without parameters; empty if there is none, or several
    bool is_encoded = false, is_fixed = false, is_partial = false; // fixed: it must not be transformed
};

ContentFacts read_facts(const ResponseHead& head) {
    ContentFacts facts;
    int types = 0;
    for (const auto& field : head.fields) {
        if (field.id != FieldId::other) continue;
        const auto& [name, value, id] = field;
        if (same_word(name, "content-type")) facts.type = trim(value.substr(0, value.find(';'))), ++types;
        else if (same_word(name, "content-encoding")) facts.is_encoded = facts.is_encoded || !is_identity(value);
        else if (same_word(name, "cache-control")) facts.is_fixed = facts.is_fixed || forbids_transforming(value);
        else if (same_word(name, "content-range")) facts.is_partial = true;
    }
    if (types > 1) facts.type = {};
    return facts;
}

// `pattern` is in lower case: "text/html", "text/*" or "*/*".
bool matches_type(std::string_view type, std::string_view pattern) {
    if (pattern == "*/*") return true;
    if (!pattern.ends_with("/*")) return same_word(type, pattern);
    pattern.remove_suffix(1);
    return same_word(type.substr(0, pattern.size()), pattern);
}

// Event streams gain little and must arrive at once; clients that read them line by line often do not decode them.
bool is_listed(std::string_view type, const conf::Compression& rules) {
    if (type.empty() || same_word(type, "text/event-stream")) return false;
    return std::any_of(rules.types.begin(), rules.types.end(),
                       [type](const auto& pattern) { return matches_type(type, pattern); });
}

// A 304 and a 206 must vary as the 200 does (RFC 9110 sections 15.3.7 and 15.4.5). They may not say its type.
std::optional<ContentChange> plan_without_content(const ResponseHead& head, std::string_view type,
                                                  const RequestedCompression& requested) {
    const bool is_unknown = type.empty() || same_word(type, "multipart/byteranges");
    if (!is_unknown && !is_listed(type, *requested.rules)) return std::nullopt;
    return ContentChange{{}, head.status == 304 ? requested.revalidates : Validators::kept};
}

// Returns true if the body is known to be shorter than the rules demand.
bool is_too_small(const ResponseHead& head, const Framing& body, const conf::Compression& rules) {
    const bool is_known = body.kind == BodyKind::length || !head.find(FieldId::content_length).empty();
    return is_known && body.length < std::max<std::uint64_t>(rules.min_size.bytes, 1);
}

} // namespace

RequestedCompression requested_compression(const RequestHead& head, const conf::Compression& rules,
                                           const tls::ClientIdentity* identity) {
    RequestedCompression requested{&rules};
    compress::AcceptEncoding accepted;
    bool has_credentials = identity && !identity->subject.empty();
    bool refuses = head.minor_version == 0; // such a client could not tell the end of the body from a failure
    for (const auto& field : head.fields) {
        if (field.id == FieldId::cookie) has_credentials = true;
        if (field.id != FieldId::other) continue;
        if (same_word(field.name, "accept-encoding")) accepted.read(field.value);
        else if (same_word(field.name, "authorization")) has_credentials = true;
        else if (same_word(field.name, "cache-control")) refuses = refuses || forbids_transforming(field.value);
        else if (same_word(field.name, "if-none-match") && field.value.find("W/") != std::string_view::npos)
            requested.revalidates = Validators::weakened;
    }
    if (!refuses && !(rules.skip_authenticated && has_credentials)) requested.coding = accepted.choose(rules.encodings);
    return requested;
}

std::optional<ContentChange> plan_content(const ResponseHead& head, const Framing& body,
                                          const RequestedCompression& requested) {
    if (head.status < 200 || head.status == 204 || head.status == 205) return std::nullopt;
    const auto facts = read_facts(head);
    if (facts.is_encoded || facts.is_fixed) return std::nullopt;
    if (head.status == 304 || head.status == 206) return plan_without_content(head, facts.type, requested);
    if (facts.is_partial || !is_listed(facts.type, *requested.rules)) return std::nullopt;
    if (is_too_small(head, body, *requested.rules)) return std::nullopt;
    return ContentChange{requested.coding, requested.coding ? Validators::weakened : Validators::kept};
}

CompressedContent compress_content(const ResponseHead& head, const Framing& body, const RequestedCompression& requested,
                                   compress::EncoderPool& encoders) {
    CompressedContent content{plan_content(head, body, requested)};
    if (!content.change || !content.change->coding || !body.has_body()) return content;
    content.encoder = encoders.lend(*content.change->coding, requested.rules->levels);
    if (!content.encoder) content.change = ContentChange{};
    return content;
}

} // namespace weir::proxy::http
