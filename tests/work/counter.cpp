#include "tests/work/counter.h"

#include "proxy/http1/dropped_fields.h"

#include <cstddef>

namespace weir::work {
namespace {

thread_local std::uint64_t count = 0;

void count_bytes(std::uint64_t bytes) { count += 1 + bytes / bytes_per_step; }

// Returns how many bytes a search read that ended at `found`, or that found nothing in `size` bytes.
std::uint64_t searched(const void* from, const void* found, std::size_t size) {
    if (!found) return size;
    return static_cast<std::uint64_t>(static_cast<const char*>(found) - static_cast<const char*>(from));
}

} // namespace

std::uint64_t steps() { return count; }

} // namespace weir::work

// Weir chooses this key at random when it starts; with a fixed key, all runs of the tests are the same. This is linked
// in place of proxy/http1/process_name_key.cpp.
std::uint64_t weir::proxy::http::process_name_key() { return 0x123456789abcdef; }

using weir::work::count_bytes;
using weir::work::searched;

extern "C" {

// Called by instrumented code at the beginning of each basic block.
void __sanitizer_cov_trace_pc() { ++weir::work::count; }

// All linked code calls the following functions in place of the C library's (--wrap).
void* __real_memchr(const void* bytes, int wanted, std::size_t size);
void* __real_memmem(const void* bytes, std::size_t size, const void* wanted, std::size_t length);
int __real_memcmp(const void* a, const void* b, std::size_t size);
void* __real_memcpy(void* to, const void* from, std::size_t size);
void* __real_memmove(void* to, const void* from, std::size_t size);
void* __real_memset(void* to, int value, std::size_t size);
std::size_t __real_strlen(const char* text);

void* __wrap_memchr(const void* bytes, int wanted, std::size_t size) {
    auto* found = __real_memchr(bytes, wanted, size);
    count_bytes(searched(bytes, found, size));
    return found;
}

void* __wrap_memmem(const void* bytes, std::size_t size, const void* wanted, std::size_t length) {
    auto* found = __real_memmem(bytes, size, wanted, length);
    count_bytes(searched(bytes, found, size));
    return found;
}

int __wrap_memcmp(const void* a, const void* b, std::size_t size) {
    count_bytes(size);
    return __real_memcmp(a, b, size);
}

void* __wrap_memcpy(void* to, const void* from, std::size_t size) {
    count_bytes(size);
    return __real_memcpy(to, from, size);
}

void* __wrap_memmove(void* to, const void* from, std::size_t size) {
    count_bytes(size);
    return __real_memmove(to, from, size);
}

void* __wrap_memset(void* to, int value, std::size_t size) {
    count_bytes(size);
    return __real_memset(to, value, size);
}

std::size_t __wrap_strlen(const char* text) {
    const auto size = __real_strlen(text);
    count_bytes(size);
    return size;
}
}
