#include "proxy/http/request_trailers.h"

#include "proxy/http1/trailers.h"

namespace weir::proxy::http {

std::string RequestTrailers::filter(std::string_view received, ContentCoded) const {
    const auto* head = incoming_.read_head_again(scratch_);
    if (!head) return {};
    TrailerSection section(received);
    section.drop_all(incoming_.view->snapshot->request_header_names);
    for (const auto& field : head->fields)
        if (field.id == FieldId::connection) section.drop_connection_options(field.value);
    return section.text();
}

} // namespace weir::proxy::http
