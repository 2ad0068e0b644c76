#include "proxy/http2/response_fields.h"

namespace weir::proxy::http2 {
} // namespace weir::proxy::http2
