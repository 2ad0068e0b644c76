#include "proxy/cli/commands.h"
namespace weir::proxy::cli {
int demo(DemoEnd) { return 1; }
} // namespace weir::proxy::cli
