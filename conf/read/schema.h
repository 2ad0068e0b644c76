// Generates the JSON Schema of the configuration, for editors that complete and check YAML.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <string>

namespace weir::conf {

std::string schema(); // JSON Schema 2020-12

} // namespace weir::conf
