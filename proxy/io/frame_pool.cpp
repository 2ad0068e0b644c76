#include "proxy/io/frame_pool.h"

#include <array>
#include <new>

namespace weir::proxy {
namespace {

constexpr std::size_t class_step = 128, classes = 32; // up to 4 KiB; larger blocks go to the heap
constexpr std::size_t max_kept = 4096;                // blocks of one size that a thread keeps

struct Block {
    Block* next;
};

struct Lists {
    struct List {
        Block* first = nullptr;
        std::size_t kept = 0;
    };
    std::array<List, classes> lists{};

    ~Lists() {
        for (auto& list : lists)
            while (list.first) {
                auto* next = list.first->next;
                ::operator delete(list.first);
                list.first = next;
            }
    }
};

thread_local Lists local;

constexpr std::size_t class_of(std::size_t bytes) { return (bytes - 1) / class_step; }

} // namespace

void* take_frame(std::size_t bytes) {
    const auto index = class_of(bytes);
    if (index >= classes) return ::operator new(bytes);
    auto& list = local.lists[index];
    if (!list.first) return ::operator new((index + 1) * class_step);
    --list.kept;
    auto* block = list.first;
    list.first = block->next;
    __builtin_prefetch(list.first); // the next call reads it, and it may have left the caches long ago
    return block;
}

void give_frame(void* block, std::size_t bytes) noexcept {
    const auto index = class_of(bytes);
    if (index >= classes || local.lists[index].kept >= max_kept) return ::operator delete(block);
    auto& list = local.lists[index];
    ++list.kept;
    list.first = ::new (block) Block{list.first};
}

} // namespace weir::proxy
