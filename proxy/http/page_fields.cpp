#include "proxy/http/page_fields.h"

#include "proxy/grpc/message.h"
#include "proxy/http1/chars.h"

namespace weir::proxy::http {

void PageFields::use(const conf::FixedResponse& fixed, const PageText& file) {
    page_.text = file.body ? std::string_view(*file.body) : fixed.body;
    if (file.body) page_.content_type = file.content_type;
    else if (fixed.body.empty()) page_.content_type = {};
    for (const auto& [name, value] : fixed.headers)
        if (!edit_ || !replaces(*edit_, name)) write(name, value);
}

void PageFields::add_rate_limit_fields(const limits::RateLimiter& limiter) {
    write_own("RateLimit-Policy", limiter.policy_field());
    write_own("RateLimit", limiter.limit_field(page_.retry_after));
}

void PageFields::add_basic_challenge(const std::string& realm) {
    write_own("WWW-Authenticate", "Basic realm=\"" + realm + "\", charset=\"UTF-8\"");
}

void PageFields::add_call_status(int status, std::string_view message) {
    keeps_type_ = true;
    write_own("grpc-status", std::to_string(status));
    write_own("grpc-message", grpc::encode_message(message));
}

void PageFields::change() {
    if (!edit_) return;
    if (replaces(*edit_, "content-type") && !keeps_type_) page_.content_type = {};
    if (replaces(*edit_, "location")) page_.location = {};
    if (replaces(*edit_, "retry-after")) page_.retry_after = {};
    for (const auto& [name, value] : edit_->set) write(name, value);
    for (const auto& [name, value] : edit_->add) write(name, value);
}

void PageFields::write_own(std::string_view name, std::string_view value) {
    if (edit_ && replaces(*edit_, name)) return;
    HeadWriter(fields_).field(name, value);
    page_.fields = fields_.view();
}

void PageFields::write(const std::string& name, const std::string& value) {
    const bool is_type = same_name(name, "content-type");
    if (is_type && keeps_type_) return;
    if (is_type) page_.content_type = {};
    HeadWriter writer(fields_);
    write_filled(writer, name, value, variables_);
    page_.fields = fields_.view();
}

} // namespace weir::proxy::http
