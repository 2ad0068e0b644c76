// The memory of one of the library's sessions.
//
//   region          what the session has from its beginning to its end; its pages are whole, and the frame buffer of
//                   16 KiB comes last, so the pages of it that are never touched take no memory
//   lists of frames what comes and goes with requests (proxy/io/frame_pool.h)
//
// Thread: a session lives and ends on one thread.
// Lifetime: must outlive the session.
#pragma once

#include <cstddef>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

class SessionMemory {
public:
    SessionMemory() = default;
    ~SessionMemory();
    SessionMemory(const SessionMemory&) = delete;
    SessionMemory& operator=(const SessionMemory&) = delete;

    // Returns the functions for the session. Until seal(), its blocks come from the region.
    nghttp2_mem functions();
    void seal() { sealed_ = true; }

private:
    friend struct SessionMemoryCalls;

    void* take(std::size_t bytes);
    void give(void* block);
    bool is_in_region(const void* block) const;

    char* region_ = nullptr;
    std::size_t used_ = 0; // bytes of the region
    bool sealed_ = false;
};

} // namespace weir::proxy::http2
