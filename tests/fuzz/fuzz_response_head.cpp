// A response head: a response that is accepted and rewritten is parsed again with the intended framing.
#include "proxy/http/rewrite.h"
#include "proxy/http1/keep_alive.h"

#include <cstdlib>
#include <string>

using namespace weir::proxy::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    ResponseHead head;
    if (parse_response(bytes, {}, head).status != HeadStatus::complete) return 0;
    const std::chrono::minutes usual(1);
    const std::chrono::steady_clock::time_point now(std::chrono::hours(1));
    if (keep_until({now, now}, usual, keep_alive_timeout(head.fields)) > now + usual) std::abort();
    for (const auto to : {AnswerTo::other, AnswerTo::head}) {
        const auto framed = response_framing(head, to);
        if (framed.error) continue;
        weir::proxy::BufferPool pool(1024, 1);
        weir::proxy::Buffer out(pool);
        write_response(out, head, {framed.framing, weir::conf::HttpVersion::http1_1, Connection::keep, {}});
        ResponseHead again;
        const HeadLimits wide{1u << 20, 1000};
        if (parse_response(out.view(), wide, again).status != HeadStatus::complete) std::abort();
        const auto reframed = response_framing(again, to);
        if (again.length != out.size() || again.status != head.status || reframed.error) std::abort();
        if (reframed.framing.kind != framed.framing.kind) std::abort();
    }
    return 0;
}
