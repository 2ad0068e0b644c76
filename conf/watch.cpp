#include "conf/watch.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <set>

#include <sys/inotify.h>
#include <unistd.h>

namespace weir::conf {
namespace {

constexpr std::uint32_t interesting = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
constexpr int most_links = 16;

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// The directories whose entries decide what `path` leads to: its own, and those of the links at any part of it.
void add_directories(const std::string& path, std::set<std::string>& out, int links = 0) {
    out.insert(directory_of(path));
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const auto part = path.substr(0, end);
        char target[PATH_MAX];
        const auto length = ::readlink(part.c_str(), target, sizeof target);
        if (length > 0 && links < most_links) {
            out.insert(directory_of(part));
            auto next = std::string(target, static_cast<std::size_t>(length));
            if (next[0] != '/') next = directory_of(part) + "/" + next;
            if (end != std::string::npos) next += path.substr(end);
            return add_directories(next, out, links + 1);
        }
        if (end == std::string::npos) return;
    }
}

} // namespace

FileWatch::FileWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FileWatch::~FileWatch() {
    if (fd_ >= 0) ::close(fd_);
}

void FileWatch::set_files(const std::vector<std::string>& files) {
    files_ = files;
    update();
}

void FileWatch::update() {
    if (fd_ < 0) return;
    std::set<std::string> wanted;
    for (const auto& file : files_) add_directories(file, wanted);
    std::map<std::string, int> now;
    for (const auto& directory : wanted) {
        // Adding a watch twice is harmless: the kernel answers with the same descriptor for the same inode.
        const int watch = ::inotify_add_watch(fd_, directory.c_str(), interesting);
        if (watch >= 0) now[directory] = watch;
    }
    std::set<int> kept;
    for (const auto& [_, watch] : now) kept.insert(watch);
    for (const auto& [_, watch] : directories_)
        if (!kept.contains(watch)) ::inotify_rm_watch(fd_, watch);
    directories_ = std::move(now);
}

Watched FileWatch::read_events() {
    alignas(inotify_event) char buffer[4096];
    auto seen = Watched::quiet;
    while (::read(fd_, buffer, sizeof buffer) > 0) seen = Watched::changed;
    if (seen == Watched::changed) update(); // a link may lead elsewhere now
    return seen;
}

Watched FileWatch::refresh() {
    const auto before = directories_;
    update();
    return directories_ == before ? Watched::quiet : Watched::changed;
}

} // namespace weir::conf
