#include "conf/watch/watch.h"

#include "conf/base/glob_paths.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <set>

#include <fnmatch.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace weir::conf {
namespace {

constexpr std::uint32_t interesting = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
constexpr int max_links = 16;

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

using Entries = std::map<std::string, std::set<std::string>>; // directory → names of its entries

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> directories_like(const std::string& pattern) {
    if (!is_pattern(pattern)) return {pattern};
    auto found = glob_paths(pattern, Matching::directories);
    return found ? *std::move(found) : std::vector<std::string>();
}

// Adds the directory entries that determine which file `path` refers to: its own, and those of all symbolic links on
// the way.
void add_entries(const std::string& path, Entries& out, int links = 0) {
    out[directory_of(path)].insert(name_of(path));
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const auto part = path.substr(0, end);
        char target[PATH_MAX];
        const auto length = ::readlink(part.c_str(), target, sizeof target);
        if (length > 0 && links < max_links) {
            out[directory_of(part)].insert(name_of(part));
            auto next = std::string(target, static_cast<std::size_t>(length));
            if (next[0] != '/') next = directory_of(part) + "/" + next;
            if (end != std::string::npos) next += path.substr(end);
            return add_entries(next, out, links + 1);
        }
        if (end == std::string::npos) return;
    }
}

// Adds the entries of a pattern: for `sites/*/weir.yaml`, the entries of `sites` that match, and the file in each of
// them.
void add_pattern(const std::string& pattern, Entries& out) {
    for (auto end = pattern.find('/', 1); end != std::string::npos; end = pattern.find('/', end + 1)) {
        const auto part = pattern.substr(0, end);
        if (!is_pattern(name_of(part))) continue;
        for (const auto& directory : directories_like(directory_of(part))) out[directory].insert(name_of(part));
    }
    for (const auto& directory : directories_like(directory_of(pattern)))
        add_entries(directory + "/" + name_of(pattern), out);
}

} // namespace

FileWatch::FileWatch() { open(); }

void FileWatch::open() {
    fd_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (fd_) return;
    const char* advice = errno == EMFILE ? " (raise fs.inotify.max_user_instances, or the limit on open files)" : "";
    problem_ = std::string("inotify is not available: ") + std::strerror(errno) + advice;
}

Watched FileWatch::set_files(const std::vector<std::string>& files) {
    const auto before = names_;
    const bool others = files_ != files;
    files_ = files;
    update();
    if (others) stamps_.look(files_);
    return names_ == before && !(others && !fd_) ? Watched::quiet : Watched::changed;
}

void FileWatch::update() {
    if (!fd_) return;
    Entries wanted;
    for (const auto& file : files_) {
        add_entries(file, wanted); // a file name may contain brackets
        if (is_pattern(file)) add_pattern(file, wanted);
    }
    std::map<std::string, int> now;
    names_.clear();
    problem_.reset();
    for (const auto& [directory, names] : wanted) {
        // Adding a watch twice is harmless, because the kernel returns the same descriptor for the same inode.
        const int watch = ::inotify_add_watch(fd_.get(), directory.c_str(), interesting);
        if (watch < 0 && errno != ENOENT && errno != ENOTDIR) {
            const char* advice = errno == ENOSPC ? " (raise fs.inotify.max_user_watches)" : "";
            problem_ = "cannot watch " + directory + ": " + std::strerror(errno) + advice;
        }
        if (watch < 0) continue; // `refresh` polls the files of this directory
        now[directory] = watch;
        names_[watch].insert(names.begin(), names.end());
    }
    for (const auto& [_, watch] : directories_)
        if (!names_.contains(watch)) ::inotify_rm_watch(fd_.get(), watch);
    std::erase_if(writing_, [this](const auto& file) { return !names_.contains(file.first); });
    directories_ = std::move(now);
}

// Returns whether an event concerns a watched entry, and not, for example, a log file in the same directory.
bool FileWatch::matters(const inotify_event& event) const {
    const auto it = names_.find(event.wd);
    if (it == names_.end()) return false; // the watch was removed
    if (event.len == 0) return true;      // the directory itself
    return std::any_of(it->second.begin(), it->second.end(), [&](const auto& name) {
        return name == event.name || (is_pattern(name) && ::fnmatch(name.c_str(), event.name, FNM_PERIOD) == 0);
    });
}

// Updates the set of files that are being written. A file that is modified in place is complete when its writer closes
// it; it is also removed from the set when it is replaced, renamed or deleted.
void FileWatch::take(const inotify_event& event) {
    if (event.mask & IN_Q_OVERFLOW || event.len == 0) return;
    const auto file = std::pair(event.wd, std::string(event.name));
    if (event.mask & IN_MODIFY) writing_.insert(file);
    if (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) writing_.erase(file);
}

Watched FileWatch::read_events() {
    if (!fd_) return Watched::quiet;
    alignas(inotify_event) char buffer[4096];
    auto seen = Watched::quiet;
    for (ssize_t got; (got = ::read(fd_.get(), buffer, sizeof buffer)) > 0;)
        for (ssize_t at = 0; at < got;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(buffer + at);
            if (event.mask & IN_Q_OVERFLOW) writing_.clear(); // close events may be lost as well
            if (event.mask & IN_Q_OVERFLOW || matters(event)) {
                seen = Watched::changed;
                take(event);
            }
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    if (seen == Watched::changed) {
        update(); // a link may have a new target
        stamps_.look(files_);
    }
    return seen;
}

Watched FileWatch::refresh() {
    const auto before = directories_;
    if (!fd_) open();
    update();
    const bool differs = stamps_.look(files_);
    return directories_ == before && !differs ? Watched::quiet : Watched::changed;
}

} // namespace weir::conf
