#include "proxy/worker/begin_record.h"

namespace weir::proxy {

log::AccessRecord begin_record(const Client& client, const ListenerSpec& listener, std::string_view client_ip,
                               const log::RequestTexts& request) {
    log::AccessRecord record;
    record.client = client_ip;
    record.peer = client.source.peer();
    record.protocol = client.protocol;
    if (const auto* tls = client.stream.tls()) record.tls = {tls->facts().version, tls->facts().cipher};
    record.request = request;
    record.path.listener = listener.config.name;
    return record;
}

} // namespace weir::proxy
