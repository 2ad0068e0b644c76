#include "conf/read/route_checks.h"

namespace weir::conf {
namespace {

constexpr std::uint64_t max_mirrored_body = 1 << 20; // bytes, which are held in memory

} // namespace

void check_bodies(const std::string& path, const Route& route, const Limits& limits,
                  const std::vector<std::string_view>& pools, Checks& checks) {
    const auto limit = route.body_size.value_or(limits.body_size).bytes;
    if (route.buffer_requests && limit == 0)
        checks.fail(path + ".buffer_requests", "a buffered body needs a limit: set body_size, here or in limits");
    if (route.buffer_requests && limit > limits.buffered_bodies.bytes)
        checks.fail(path + ".buffer_requests",
                    "body_size is over limits.buffered_bodies: lower body_size or raise limits.buffered_bodies");
    if (!route.mirror) return;
    checks.known(path + ".mirror.pool", "pool", route.mirror->pool, pools);
    if (route.mirror->share.value == 0) checks.fail(path + ".mirror.share", "0% mirrors nothing: remove mirror");
    if (route.mirror->body_size.bytes > max_mirrored_body)
        checks.fail(path + ".mirror.body_size", "at most 1MiB: copies of bodies are held in memory");
}

} // namespace weir::conf
