#include "proxy/http2/session_memory.h"

#include "proxy/io/frame_pool.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t region_size = std::size_t{28} * 1024; // a new session takes 25.7 KB
constexpr std::size_t most_warm = 64;                       // free regions of a thread whose pages are kept

// The free regions of a thread. Their addresses are kept, since many holes in them would exhaust the mappings of the
// process, but only some have memory.
class FreeRegions {
public:
    ~FreeRegions() {
        for (void* region : free_) ::munmap(region, region_size);
    }
    char* take() {
        if (free_.empty()) {
            void* const made = ::mmap(nullptr, region_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            return made == MAP_FAILED ? nullptr : static_cast<char*>(made);
        }
        void* const region = free_.back();
        free_.pop_back();
        return static_cast<char*>(region);
    }
    void give(char* region) {
        if (free_.size() >= most_warm) ::madvise(region, region_size, MADV_DONTNEED);
        free_.push_back(region);
    }

private:
    std::vector<void*> free_;
};

thread_local FreeRegions regions;

// Stands before each block, since the library does not say how large the block is that it frees.
struct alignas(std::max_align_t) BlockHeader {
    std::size_t bytes; // of the whole block
};

BlockHeader* header_of(void* block) { return static_cast<BlockHeader*>(block) - 1; }

} // namespace

struct SessionMemoryCalls {
    static SessionMemory& of(void* user) { return *static_cast<SessionMemory*>(user); }
    static void* take(std::size_t bytes, void* user) { return of(user).take(bytes); }
    static void give(void* block, void* user) { of(user).give(block); }

    static void* take_zeroed(std::size_t count, std::size_t bytes, void* user) {
        if (bytes > 0 && count > PTRDIFF_MAX / bytes) return nullptr;
        void* const block = of(user).take(count * bytes);
        if (block) std::memset(block, 0, count * bytes);
        return block;
    }

    static void* resize(void* block, std::size_t bytes, void* user) {
        void* const resized = of(user).take(bytes);
        if (!block || !resized) return resized;
        std::memcpy(resized, block, std::min(bytes, header_of(block)->bytes - sizeof(BlockHeader)));
        of(user).give(block);
        return resized;
    }
};

SessionMemory::~SessionMemory() {
    if (region_) regions.give(region_);
}

nghttp2_mem SessionMemory::functions() {
    region_ = regions.take(); // without one, all blocks come from the lists
    return {this, SessionMemoryCalls::take, SessionMemoryCalls::give, SessionMemoryCalls::take_zeroed,
            SessionMemoryCalls::resize};
}

void* SessionMemory::take(std::size_t bytes) {
    if (bytes > PTRDIFF_MAX - 2 * sizeof(BlockHeader)) return nullptr;
    const auto whole = (bytes + 2 * sizeof(BlockHeader) - 1) / sizeof(BlockHeader) * sizeof(BlockHeader);
    void* place = nullptr;
    if (region_ && !sealed_ && whole <= region_size - used_) {
        place = region_ + used_;
        used_ += whole;
    } else {
        try {
            place = take_frame(whole);
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    return ::new (place) BlockHeader{whole} + 1;
}

void SessionMemory::give(void* block) {
    if (block && !is_in_region(block)) give_frame(header_of(block), header_of(block)->bytes);
}

bool SessionMemory::is_in_region(const void* block) const {
    const std::less<const void*> is_before;
    return region_ && !is_before(block, region_) && is_before(block, region_ + region_size);
}

} // namespace weir::proxy::http2
