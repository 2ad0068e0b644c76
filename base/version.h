// The version of weir, as CMake defines it.
//
// Thread: constant.
// Lifetime: static.
#pragma once

namespace weir {

extern const char* const version;

} // namespace weir
