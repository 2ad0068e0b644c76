// A worker's memory, as HTTP/2 connections take it.
//
// Thread: one worker's thread.
// Lifetime: the buffers must outlive the pools.
#pragma once

#include "proxy/http2/pools.h"
#include "proxy/worker/worker_buffers.h"

namespace weir::proxy {

inline http2::Pools http2_pools_of(WorkerBuffers& buffers) { return {buffers.heads, buffers.bodies, buffers.small}; }

} // namespace weir::proxy
