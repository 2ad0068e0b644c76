#include "conf/base/config_error.h"

namespace weir::conf {

std::string ConfigError::text() const {
    std::string out = file;
    if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
    if (!path.empty()) out += ": " + path;
    return out + ": " + reason;
}

} // namespace weir::conf
