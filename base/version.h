// The version, from CMake.
//
// Thread: constant.
// Lifetime: static.
#pragma once

namespace weir {

extern const char* const version;

} // namespace weir
