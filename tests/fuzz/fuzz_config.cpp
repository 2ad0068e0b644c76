// A configuration: any text yields a configuration or errors, never a crash, and a plan can be made from a valid one.
#include "conf/plan/plan.h"
#include "conf/read/load.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto loaded = weir::conf::load_text({reinterpret_cast<const char*>(data), size}, "weir.yaml",
                                              [](const std::string&) { return std::nullopt; });
    for (const auto& error : loaded.errors)
        if (error.reason.empty()) std::abort();
    if (!loaded.ok()) return 0;
    const auto description = weir::conf::describe(loaded.config);
    if (!weir::conf::plan(description, description).empty()) std::abort();
    return 0;
}
