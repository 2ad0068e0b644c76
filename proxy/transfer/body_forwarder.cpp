#include "proxy/transfer/body_forwarder.h"

namespace weir::proxy::http {
namespace {

constexpr std::uint64_t yield_after = 1u << 20; // bytes moved before other connections get their turn

// Returns how forwarding ends if its source has failed.
ForwardStatus failure_of(SourceStatus source) {
    switch (source) {
    case SourceStatus::truncated: return ForwardStatus::source_ended;
    case SourceStatus::malformed: return ForwardStatus::malformed;
    case SourceStatus::too_large: return ForwardStatus::too_large;
    default: return ForwardStatus::source_failed;
    }
}

} // namespace

ForwardStatus BodyForwarder::run() {
    sink_.prepare();
    for (const auto pause = moved() + yield_after;;) {
        if (moved() >= pause) return ForwardStatus::yielded;
        if (const auto piece = source_.next(); !piece.empty() && sink_.write(piece)) source_.consume();
        const auto status = source_.status();
        if (status == SourceStatus::ended) sink_.end();
        else if (status != SourceStatus::open) return failure_of(status);
        if (!sink_.is_flushed()) {
            const auto flushed = sink_.flush();
            if (flushed == IoStatus::would_block) return ForwardStatus::blocked;
            if (flushed != IoStatus::ok) return ForwardStatus::sink_failed;
            source_.consume();
            continue;
        }
        if (status == SourceStatus::ended) return ForwardStatus::done;
        if (!source_.receive()) return ForwardStatus::blocked;
    }
}

} // namespace weir::proxy::http
