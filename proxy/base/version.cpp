#include "proxy/base/version.h"

namespace weir::proxy {

const char* const version = WEIR_VERSION;

} // namespace weir::proxy
