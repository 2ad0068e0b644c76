// A library that is preloaded into weir. It counts the allocations of weir's worker threads in a file that the test
// maps as well.
//
// Thread: any; all workers share one counter.
// Lifetime: that of the process.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

std::atomic<std::uint64_t>* open_counter() {
    const char* path = std::getenv("WEIR_ALLOCATIONS");
    const int fd = path ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return nullptr;
    void* page = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    return page == MAP_FAILED ? nullptr : static_cast<std::atomic<std::uint64_t>*>(page);
}

void count() {
    static std::atomic<std::uint64_t>* const counter = open_counter();
    char name[16] = "";
    if (counter && ::prctl(PR_GET_NAME, name) == 0 && std::strncmp(name, "worker-", 7) == 0) ++*counter;
}

extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_calloc(std::size_t, std::size_t);
extern "C" void* __libc_realloc(void*, std::size_t);

} // namespace

extern "C" void* malloc(std::size_t size) {
    count();
    return __libc_malloc(size);
}

extern "C" void* calloc(std::size_t count_of, std::size_t size) {
    count();
    return __libc_calloc(count_of, size);
}

extern "C" void* realloc(void* block, std::size_t size) {
    count();
    return __libc_realloc(block, size);
}
