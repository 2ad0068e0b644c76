// A library that is preloaded into weir. It counts the allocations of weir's worker threads in a file that the test
// maps as well, except for those that OpenSSL makes.
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
#include <link.h>
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

struct Range {
    std::uintptr_t begin = 0, end = 0;
    bool contains(const void* address) const {
        const auto at = reinterpret_cast<std::uintptr_t>(address);
        return at >= begin && at < end;
    }
};

// A library and where it is mapped.
struct Library {
    const char* name;
    Range range;
};

Range find(const char* name) {
    Library found{name, {}};
    dl_iterate_phdr(
        [](dl_phdr_info* library, std::size_t, void* into) {
            auto& [wanted, range] = *static_cast<Library*>(into);
            if (!std::strstr(library->dlpi_name, wanted)) return 0;
            range.begin = library->dlpi_addr;
            for (int i = 0; i < library->dlpi_phnum; ++i) {
                const auto end = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr + library->dlpi_phdr[i].p_memsz;
                if (end > range.end) range.end = end;
            }
            return 1;
        },
        &found);
    return found.range;
}

void count(const void* caller) {
    static std::atomic<std::uint64_t>* const counter = open_counter();
    char name[16] = "";
    if (!counter || ::prctl(PR_GET_NAME, name) != 0 || std::strncmp(name, "worker-", 7) != 0) return;
    static const Range ssl = find("libssl.so"), crypto = find("libcrypto.so");
    if (!ssl.contains(caller) && !crypto.contains(caller)) ++*counter;
}

extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_calloc(std::size_t, std::size_t);
extern "C" void* __libc_realloc(void*, std::size_t);

} // namespace

extern "C" void* malloc(std::size_t size) {
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

extern "C" void* calloc(std::size_t count_of, std::size_t size) {
    count(__builtin_return_address(0));
    return __libc_calloc(count_of, size);
}

extern "C" void* realloc(void* block, std::size_t size) {
    count(__builtin_return_address(0));
    return __libc_realloc(block, size);
}
