#include "proxy/http/response_trailers.h"

#include "proxy/http1/trailers.h"

namespace weir::proxy::http {

void ResponseTrailers::begin(const std::vector<Field>& head, const conf::HeaderEdit* edit) {
    edit_ = edit;
    for (const auto& field : head) {
        if (field.id != FieldId::connection) continue;
        if (!connection_) connection_ = std::make_unique<std::string>();
        connection_->append(field.value).append(",");
    }
}

std::string ResponseTrailers::filter(std::string_view received, ContentCoded coded) const {
    TrailerSection section(received);
    if (connection_) section.drop_connection_options(*connection_);
    if (edit_) {
        for (const auto& [name, value] : edit_->set) section.drop(name);
        for (const auto& name : edit_->remove) section.drop(name);
    }
    // They are about the content as the backend has sent it, as in write_content_fields().
    if (coded == ContentCoded::yes)
        for (const std::string_view name : {"accept-ranges", "etag", "digest", "content-digest", "repr-digest"})
            section.drop(name);
    return section.text();
}

} // namespace weir::proxy::http
