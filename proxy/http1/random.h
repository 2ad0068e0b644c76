// Random numbers of one worker, for decisions that need not be secret.
//
// Thread: one worker's thread.
// Lifetime: a value.
#pragma once

#include <random>

namespace weir::proxy::http {

using Random = std::mt19937_64;

} // namespace weir::proxy::http
