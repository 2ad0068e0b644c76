#include "conf/watch.h"

#include "conf/glob_paths.h"

#include <algorithm>
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
constexpr int most_links = 16;

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

using Entries = std::map<std::string, std::set<std::string>>; // directory → names in it

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> directories_like(const std::string& pattern) {
    std::string why;
    return is_pattern(pattern) ? glob_paths(pattern, Matching::directories, why) : std::vector{pattern};
}

// The directory entries that decide what `path` leads to: its own, and those of the links at any part of it.
void add_entries(const std::string& path, Entries& out, int links = 0) {
    out[directory_of(path)].insert(name_of(path));
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const auto part = path.substr(0, end);
        char target[PATH_MAX];
        const auto length = ::readlink(part.c_str(), target, sizeof target);
        if (length > 0 && links < most_links) {
            out[directory_of(part)].insert(name_of(part));
            auto next = std::string(target, static_cast<std::size_t>(length));
            if (next[0] != '/') next = directory_of(part) + "/" + next;
            if (end != std::string::npos) next += path.substr(end);
            return add_entries(next, out, links + 1);
        }
        if (end == std::string::npos) return;
    }
}

// For `sites/*/weir.yaml`: new entries of `sites` that match, and the file in each that is there.
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

FileWatch::FileWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FileWatch::~FileWatch() {
    if (fd_ >= 0) ::close(fd_);
}

Watched FileWatch::set_files(const std::vector<std::string>& files) {
    const auto before = names_;
    files_ = files;
    update();
    return names_ == before ? Watched::quiet : Watched::changed;
}

void FileWatch::update() {
    if (fd_ < 0) return;
    Entries wanted;
    for (const auto& file : files_) {
        add_entries(file, wanted); // brackets may also be part of a name
        if (is_pattern(file)) add_pattern(file, wanted);
    }
    std::map<std::string, int> now;
    names_.clear();
    for (const auto& [directory, names] : wanted) {
        // Adding a watch twice is harmless: the kernel answers with the same descriptor for the same inode.
        const int watch = ::inotify_add_watch(fd_, directory.c_str(), interesting);
        if (watch < 0) continue;
        now[directory] = watch;
        names_[watch].insert(names.begin(), names.end());
    }
    for (const auto& [_, watch] : directories_)
        if (!names_.contains(watch)) ::inotify_rm_watch(fd_, watch);
    directories_ = std::move(now);
}

// Whether an event is about something that matters: not, say, about a log that is written beside the configuration.
bool FileWatch::matters(const inotify_event& event) const {
    const auto it = names_.find(event.wd);
    if (it == names_.end()) return false; // a watch that was given up
    if (event.len == 0) return true;      // the directory itself
    return std::any_of(it->second.begin(), it->second.end(), [&](const auto& name) {
        return name == event.name || (is_pattern(name) && ::fnmatch(name.c_str(), event.name, FNM_PERIOD) == 0);
    });
}

Watched FileWatch::read_events() {
    alignas(inotify_event) char buffer[4096];
    auto seen = Watched::quiet;
    for (ssize_t got; (got = ::read(fd_, buffer, sizeof buffer)) > 0;)
        for (ssize_t at = 0; at < got;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(buffer + at);
            if (event.mask & IN_Q_OVERFLOW || matters(event)) seen = Watched::changed;
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    if (seen == Watched::changed) update(); // a link may lead elsewhere now
    return seen;
}

Watched FileWatch::refresh() {
    const auto before = directories_;
    update();
    return directories_ == before ? Watched::quiet : Watched::changed;
}

} // namespace weir::conf
