// A request head: a request that is accepted and rewritten is parsed again as the same single request.
#include "proxy/http/rewrite.h"

#include <cstdlib>
#include <string>

using namespace weir::proxy::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    RequestHead head;
    if (parse_request(bytes, {}, head).status != HeadStatus::complete) return 0;
    const auto framed = request_framing(head);
    if (framed.error) return 0;
    weir::proxy::BufferPool pool(1024, 1);
    weir::proxy::Buffer out(pool);
    write_request(
        out, head, framed.framing,
        {"10.0.0.1", Trust::untrusted, "http", Connection::keep, {}, head.authority.empty() ? "10.0.0.2:80" : ""},
        requested_upgrade(head, connection_options(head.fields), framed.framing), nullptr);
    RequestHead again;
    const HeadLimits wide{1u << 20, 1000};
    if (parse_request(out.view(), wide, again).status != HeadStatus::complete) std::abort();
    if (again.length != out.size() || again.method != head.method ||
        again.authority != (head.authority.empty() ? "10.0.0.2:80" : head.authority))
        std::abort();
    const auto reframed = request_framing(again);
    if (reframed.error || !(reframed.framing == framed.framing)) std::abort();
    return 0;
}
