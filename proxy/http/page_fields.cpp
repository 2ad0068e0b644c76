#include "proxy/http/page_fields.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

bool replaces(const conf::HeaderEdit& edit, std::string_view name) {
    const auto is_same = [&](const std::string& other) { return is_alias(other, name); };
    return std::any_of(edit.set.begin(), edit.set.end(), [&](const auto& field) { return is_same(field.first); }) ||
           std::any_of(edit.remove.begin(), edit.remove.end(), is_same);
}

} // namespace

void PageFields::use(const conf::FixedResponse& fixed, const PageText& file) {
    page_.text = file.body ? std::string_view(*file.body) : fixed.body;
    if (file.body) page_.content_type = file.content_type;
    else if (fixed.body.empty()) page_.content_type = {};
    for (const auto& [name, value] : fixed.headers) write(name, value);
}

void PageFields::change(const conf::HeaderEdit& edit) {
    if (replaces(edit, "content-type")) page_.content_type = {};
    if (replaces(edit, "location")) page_.location = {};
    if (replaces(edit, "retry-after")) page_.retry_after = {};
    for (const auto& [name, value] : edit.set) write(name, value);
    for (const auto& [name, value] : edit.add) write(name, value);
}

void PageFields::write(const std::string& name, const std::string& value) {
    if (same_name(name, "content-type")) page_.content_type = {};
    HeadWriter writer(fields_);
    write_filled(writer, name, value, variables_);
    page_.fields = fields_.view();
}

} // namespace weir::proxy::http
