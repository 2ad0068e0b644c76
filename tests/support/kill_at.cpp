// A library that is preloaded into a process. It kills the process, as a power cut would, at the n-th step of writing a
// file whose path contains WEIR_KILL_PATH. Each write is split in two, so that it can be cut in the middle.
// WEIR_KILL_AT is n, from 1.
//
// Thread: any.
// Lifetime: that of the process.
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

std::mutex mutex;
int steps = 0, watched = -1;
char directory[4096] = "";

template <class F> F* next(const char* name) { return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name)); }

bool is_wanted(const char* path) {
    const char* part = std::getenv("WEIR_KILL_PATH");
    return part && std::strstr(path, part);
}

void step() {
    const char* at = std::getenv("WEIR_KILL_AT");
    if (at && ++steps == std::atoi(at)) ::raise(SIGKILL);
}

int open_watched(const char* name, const char* path, int flags, mode_t mode) {
    const std::lock_guard lock(mutex);
    const bool writes = (flags & (O_WRONLY | O_RDWR)) && is_wanted(path);
    const bool syncs = (flags & O_DIRECTORY) && *directory && std::strcmp(path, directory) == 0;
    if (writes || syncs) step();
    const int fd = next<int(const char*, int, ...)>(name)(path, flags, mode);
    if (writes || syncs) watched = fd;
    if (const char* slash = writes ? std::strrchr(path, '/') : nullptr) {
        std::memcpy(directory, path, static_cast<std::size_t>(slash - path));
        directory[slash - path] = '\0';
    }
    return fd;
}

} // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const auto mode = va_arg(rest, mode_t);
    va_end(rest);
    return open_watched("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const auto mode = va_arg(rest, mode_t);
    va_end(rest);
    return open_watched("open64", path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t size) {
    const auto real = next<ssize_t(int, const void*, size_t)>("write");
    const std::lock_guard lock(mutex);
    if (fd != watched) return real(fd, bytes, size);
    step();
    const auto half = real(fd, bytes, (size + 1) / 2); // the caller writes the rest
    step();
    return half;
}

int fsync(int fd) {
    const std::lock_guard lock(mutex);
    if (fd == watched) step();
    return next<int(int)>("fsync")(fd);
}

int close(int fd) {
    const std::lock_guard lock(mutex);
    if (fd == watched) {
        step();
        watched = -1;
    }
    return next<int(int)>("close")(fd);
}

int rename(const char* from, const char* to) {
    const std::lock_guard lock(mutex);
    if (is_wanted(from)) step();
    const int result = next<int(const char*, const char*)>("rename")(from, to);
    if (is_wanted(from)) step();
    return result;
}
}
