#include "proxy/http/client_affinity.h"

#include "proxy/http1/chars.h"

namespace weir::proxy::http {
namespace {

std::uint32_t unix_now() {
    return static_cast<std::uint32_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

} // namespace

void ClientAffinity::read(const RequestHead& head, const RequestOrigin& origin, Scheme scheme,
                          BackendSelection& selection) {
    const auto& pool = *selection.pool().spec;
    std::optional<std::uint64_t> key;
    if (pool.config.algorithm == conf::Algorithm::hash) key = hash_key(pool.config.hash, head, origin.client_ip());
    const auto found = pool.config.sticky ? find_belonging(pool, head, unix_now()) : Affinity{};
    selection.go_by(key, found.member);
    is_stale_ = found.stale;
    scheme_ = scheme;
    if (!pool.config.sticky || origin.trust != Trust::trusted) return;
    if (same_word(head.find(FieldId::x_forwarded_proto), "https")) scheme_ = Scheme::https;
}

void ClientAffinity::choose(std::size_t member, const BackendSelection& selection, TimePoint now) {
    cookie_.clear();
    const auto& pool = *selection.pool().spec;
    if (!pool.config.sticky) return;
    const auto pinned = selection.home();
    const bool overflow = pinned && *pinned != member && selection.pool().balancer.is_home(*pinned, now);
    if (!overflow && (pinned != member || is_stale_)) cookie_ = make_cookie(pool, member, unix_now(), scheme_);
}

} // namespace weir::proxy::http
