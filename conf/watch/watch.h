// Reports when one of a set of files may have changed: written in place, replaced by a rename, or reached through a
// symbolic link that now has another target. It watches directories, never the files themselves.
//
// inotify reports changes at once. `refresh` polls for changes that it does not report (file_stamps.h), and for all
// changes while inotify is not available. A report is only a hint: the caller reads the files and compares them.
//
// Thread: one thread at a time. Blocks only for directory look-ups and one stat per file.
// Lifetime: owns its inotify descriptor.
#pragma once

#include "base/unique_fd.h"
#include "conf/watch/file_stamps.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

struct inotify_event;

namespace weir::conf {

enum class Watched { changed, quiet };
enum class WatchMode { inotify, polling };

class FileWatch {
public:
    FileWatch();

    int descriptor() const { return fd_.get(); } // readable when events are pending; -1 without inotify

    WatchMode mode() const { return fd_ ? WatchMode::inotify : WatchMode::polling; }
    // Describes what inotify cannot watch at the moment, with advice; unset if there is no problem.
    const std::optional<std::string>& problem() const { return problem_; }
    // Returns whether a file was modified and its writer has not closed it yet.
    bool has_writer() const { return !writing_.empty(); }
    // Forgets the writers, after the caller has waited long enough for them.
    void forget_writers() { writing_.clear(); }

    // Watches the directories of these files or file patterns, and of every symbolic link on the way. Returns `changed`
    // if the set of watched entries (without inotify, the set of files) has changed, because a new entry may have
    // changed since it was read.
    Watched set_files(const std::vector<std::string>& files);

    // Reads the pending inotify events. Returns `changed` if one of them concerns a watched entry.
    Watched read_events();

    // Polls for directories that have disappeared or returned, and for changes that inotify did not report; tries to
    // open inotify if it was not available. Call it about once a second.
    Watched refresh();

private:
    void open();
    void update();
    void take(const inotify_event& event);
    bool matters(const inotify_event& event) const;

    UniqueFd fd_;
    std::optional<std::string> problem_;
    FileStamps stamps_;
    std::set<std::pair<int, std::string>> writing_; // watch descriptor and name
    std::vector<std::string> files_;
    std::map<std::string, int> directories_;     // directory → watch descriptor
    std::map<int, std::set<std::string>> names_; // watch descriptor → entries or patterns to watch
};

} // namespace weir::conf
