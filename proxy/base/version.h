// The version, from CMake.
//
// Thread: constant.
// Lifetime: static.
#pragma once

namespace weir::proxy {

extern const char* const version;

} // namespace weir::proxy
