#include "proxy/admin/process_metrics.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <sys/resource.h>
#include <unistd.h>

namespace weir::proxy::admin {
namespace {

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string read_file(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the start time as Unix time in seconds; 0 if /proc is not available.
double start_time() {
    const auto stat = read_file("/proc/self/stat");
    const auto boot = read_file("/proc/stat");
    const auto name_end = stat.rfind(')'), mark = boot.find("btime ");
    if (name_end == std::string::npos || mark == std::string::npos) return 0;
    // The process name may contain anything, so count from its end: field 22 is the 20th after it (proc(5)).
    std::istringstream fields(stat.substr(name_end + 1));
    std::string field;
    for (int i = 0; i < 20; ++i) fields >> field;
    const auto ticks = std::strtod(field.c_str(), nullptr);
    return std::strtod(boot.c_str() + mark + 6, nullptr) + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t open_descriptors() {
    std::error_code error;
    std::uint64_t count = 0;
    for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error))
        ++count;
    return count > 0 ? count - 1 : 0; // without the descriptor of this iteration
}

struct Memory {
    std::uint64_t all = 0, resident = 0; // bytes
};

Memory memory() {
    std::istringstream pages(read_file("/proc/self/statm"));
    Memory memory;
    pages >> memory.all >> memory.resident;
    const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return {memory.all * size, memory.resident * size};
}

std::uint64_t max_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

} // namespace

void write_process(Exposition& out) {
    const auto one = [&](const char* name, const char* type, const char* help, auto value) {
        out.family(name, type, help);
        out.sample({}, value);
    };
    const auto used = memory();
    one("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpu_seconds());
    one("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", used.resident);
    one("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", used.all);
    one("process_open_fds", "gauge", "Number of open file descriptors.", open_descriptors());
    one("process_max_fds", "gauge", "Maximum number of open file descriptors.", max_descriptors());
    one("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", start_time());
}

} // namespace weir::proxy::admin
