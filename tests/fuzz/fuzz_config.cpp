// A configuration: any text gives a configuration or errors with a place, never a crash; what is valid can be planned.
#include "conf/load.h"
#include "conf/plan.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto loaded = weir::conf::load_text({reinterpret_cast<const char*>(data), size}, "weir.yaml",
                                              [](const std::string&) { return std::nullopt; });
    for (const auto& error : loaded.errors)
        if (error.why.empty()) std::abort();
    if (!loaded.ok()) return 0;
    const auto description = weir::conf::describe(loaded.config);
    if (!weir::conf::plan(description, description).empty()) std::abort();
    return 0;
}
