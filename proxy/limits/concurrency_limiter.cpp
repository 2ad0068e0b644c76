#include "proxy/limits/concurrency_limiter.h"

namespace weir::proxy::limits {
namespace {

constexpr std::size_t concurrency_lines = 16 * 1024; // 1 MiB: 131,072 clients at a time

} // namespace

ConcurrencyLimiter::ConcurrencyLimiter(const conf::ClientKey& key, const SipKey& secret)
    : key_(key), hash_(secret), table_(concurrency_lines) {}

} // namespace weir::proxy::limits
