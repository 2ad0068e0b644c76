#include "proxy/http/call_end.h"

#include "proxy/grpc/call.h"
#include "proxy/grpc/status.h"

namespace weir::proxy::http {

void begin_call_error(Page& page, log::AccessRecord& record) {
    if (!record.grpc_status)
        record.grpc_status = static_cast<int>(grpc::status_of_failure(record.failure.reason, record.status));
    page.status = 200;
    page.content_type = grpc::content_type;
    page.text = "";
    page.location = {};
}

std::string call_message(int status, const conf::FixedResponse* fixed) {
    if (fixed && !fixed->body.empty()) return fixed->body;
    return std::to_string(status).append(" ").append(reason_of(status));
}

void count_call(GrpcMethodStats& methods, std::size_t worker, std::string_view path, const log::AccessRecord& record) {
    const auto& failure = record.failure;
    const bool is_backends = record.grpc_status && record.durations.first_byte && !failure;
    auto status = failure ? grpc::status_of_failure(failure.reason, status_of(failure.reason))
                          : grpc::status_of_http(record.status);
    if (record.grpc_status) status = static_cast<grpc::Status>(*record.grpc_status);
    methods.count(worker, path, status, is_backends ? StatusSource::backend : StatusSource::weir);
}

} // namespace weir::proxy::http
