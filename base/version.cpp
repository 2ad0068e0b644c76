#include "base/version.h"

namespace weir {

const char* const version = WEIR_VERSION;

} // namespace weir
