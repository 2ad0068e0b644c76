// Generates the JSON Schema of the configuration, for editors that complete and check YAML.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <string>

namespace weir::conf {

// Returns the schema in the dialect JSON Schema 2020-12.
std::string schema();

} // namespace weir::conf
