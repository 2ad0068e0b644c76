#include "proxy/given_mark.h"

#include "conf/durable_file.h"

#include <spdlog/spdlog.h>

namespace weir::proxy {

lock::FleetVersion GivenMark::read() const {
    boost::system::error_code error;
    const auto text = conf::read_whole_file(path_, error);
    const auto version = text ? lock::version_from(*text) : std::nullopt;
    return version.value_or(lock::FleetVersion{});
}

void GivenMark::write(const lock::FleetVersion& version) const {
    if (const auto error = conf::replace_file(path_, lock::to_text(version)))
        spdlog::error("state_dir: the number of the fleet's configuration cannot be kept: {}", error.message());
}

} // namespace weir::proxy
