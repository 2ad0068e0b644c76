#include "proxy/http/stall_rule.h"

#include <utility>

namespace weir::proxy::http {
namespace {

// A client that sends or reads less than 1 KiB of a body per idle timeout counts as stalled. `Progress` counts each
// byte twice: when it comes and when it leaves.
constexpr std::uint64_t min_progress = 2 * 1024;

} // namespace

std::optional<conf::Duration> StallRule::renew(const Progress& now) {
    const bool answering = now.answer == Answer::begun;
    const bool lively = now.due == Due::backend && (!answering || now.response != response_);
    response_ = now.response;
    if (now.due == due_ && !lively && now.total - total_ < min_progress) return std::nullopt;
    due_ = now.due;
    total_ = now.total;
    unacked_ = 0;
    if (now.due == Due::client) return timeouts_.client_idle;
    return answering ? timeouts_.stream_idle : timeouts_.response;
}

bool StallRule::has_read(std::size_t unacked_now) {
    const auto before = std::exchange(unacked_, unacked_now);
    return before >= unacked_now + min_progress / 2;
}

} // namespace weir::proxy::http
