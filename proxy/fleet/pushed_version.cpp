#include "proxy/fleet/pushed_version.h"

#include "base/durable_file.h"

namespace weir::proxy {

lock::FleetVersion PushedVersion::read() const {
    boost::system::error_code error;
    const auto text = read_whole_file(path_, error);
    const auto version = text ? lock::version_from(*text) : std::nullopt;
    return version.value_or(lock::FleetVersion{});
}

boost::system::error_code PushedVersion::write(const lock::FleetVersion& version) const {
    return replace_file(path_, lock::to_text(version));
}

} // namespace weir::proxy
