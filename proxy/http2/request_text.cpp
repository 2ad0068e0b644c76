#include "proxy/http2/request_text.h"

namespace weir::proxy::http2 {
} // namespace weir::proxy::http2
