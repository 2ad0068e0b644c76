#include "proxy/fleet/pushed_version.h"

#include "base/durable_file.h"

namespace weir::proxy {

lock::FleetVersion PushedVersion::read() const {
    const auto text = read_whole_file(path_);
    const auto version = text ? lock::version_from(*text) : std::nullopt;
    return version.value_or(lock::FleetVersion{});
}

Result<void> PushedVersion::write(const lock::FleetVersion& version) const {
    return replace_file(path_, lock::to_text(version));
}

} // namespace weir::proxy
