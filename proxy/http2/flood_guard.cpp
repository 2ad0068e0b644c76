#include "proxy/http2/flood_guard.h"

namespace weir::proxy::http2 {
} // namespace weir::proxy::http2
