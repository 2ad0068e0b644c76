#include "proxy/http/content_fields.h"

#include "proxy/compress/encoder.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

constexpr std::string_view varies_by = "Accept-Encoding";

// Returns true if a value of Vary covers Accept-Encoding already (RFC 9110 section 12.5.5).
bool covers_encoding(std::string_view vary) {
    bool found = false;
    for_each_element(
        vary, [&](std::string_view element) { found = found || element == "*" || same_name(element, varies_by); });
    return found;
}

bool covers_encoding(const conf::HeaderEdit& edit) {
    const auto covers = [](const auto& header) {
        return same_word(header.first, "vary") && covers_encoding(header.second);
    };
    return std::any_of(edit.set.begin(), edit.set.end(), covers) ||
           std::any_of(edit.add.begin(), edit.add.end(), covers);
}

// Calls `each` with every field of that name that is forwarded.
template <class F>
void for_each_field(const ResponseHead& head, std::string_view name, const DroppedFields& dropped, F each) {
    for (std::size_t i = 0; i < head.fields.size(); ++i)
        if (same_word(head.fields[i].name, name) && !dropped.contains(i)) each(head.fields[i].value);
}

// Adds Accept-Encoding to the Vary of the backend, as one field. A field with control bytes stays apart.
void write_vary(HeadWriter& writer, const ResponseHead& head, const conf::HeaderEdit* edit, DroppedFields& dropped) {
    bool covered = edit && covers_encoding(*edit);
    for_each_field(head, "vary", dropped, [&](std::string_view value) { covered = covered || covers_encoding(value); });
    if (covered) return;
    writer.put("Vary: ");
    if (!head.has_controls) {
        for_each_field(head, "vary", dropped, [&](std::string_view value) {
            if (!value.empty()) writer.put(value).put(", ");
        });
        dropped.drop("vary");
    }
    writer.put(varies_by).put("\r\n");
}

// A strong validator becomes a weak one (RFC 9110 section 8.8.1). An invalid one is left out.
void write_weak_tag(HeadWriter& writer, const ResponseHead& head, DroppedFields& dropped) {
    std::string_view tag;
    for_each_field(head, "etag", dropped, [&](std::string_view value) { tag = value; });
    if (tag.empty() || tag.starts_with("W/")) return;
    dropped.drop("etag");
    if (tag.front() == '"' && std::all_of(tag.begin(), tag.end(), is_value))
        writer.put("ETag: W/").put(tag).put("\r\n");
}

} // namespace

void write_content_fields(HeadWriter& writer, const ResponseHead& head, const ContentChange& change,
                          const conf::HeaderEdit* edit, DroppedFields& dropped) {
    write_vary(writer, head, edit, dropped);
    if (change.validators == Validators::weakened) write_weak_tag(writer, head, dropped);
    if (!change.coding) return;
    writer.field("Content-Encoding", compress::name_of(*change.coding));
    // Ranges, lengths and digests of the content as the backend sent it (RFC 9530, RFC 3230).
    for (const std::string_view name :
         {"content-encoding", "accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"})
        dropped.drop(name);
}

} // namespace weir::proxy::http
