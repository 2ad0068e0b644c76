#include "proxy/http/page_fields.h"

#include "proxy/http1/chars.h"

namespace weir::proxy::http {
void PageFields::use(const conf::FixedResponse& fixed, const PageText& file) {
    page_.text = file.body ? std::string_view(*file.body) : fixed.body;
    if (file.body) page_.content_type = file.content_type;
    else if (fixed.body.empty()) page_.content_type = {};
    for (const auto& [name, value] : fixed.headers) write(name, value);
}

void PageFields::explain(const limits::RateLimiter& limiter) {
    HeadWriter writer(fields_);
    writer.field("RateLimit-Policy", limiter.policy_field());
    writer.field("RateLimit", limiter.limit_field(page_.retry_after));
    page_.fields = fields_.view();
}

void PageFields::ask_for_password(const std::string& realm) {
    HeadWriter writer(fields_);
    writer.put("WWW-Authenticate: Basic realm=\"").put(realm).put("\", charset=\"UTF-8\"\r\n");
    page_.fields = fields_.view();
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
