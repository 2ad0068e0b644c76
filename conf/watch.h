// Tells when one of a set of files may have changed, however it was changed: written in place, renamed over, or
// reached through a symbolic link that was swapped. It watches the directories, never the files themselves.
//
// A notice is only a hint to look again; the reader compares what it reads.
//
// Thread: one thread at a time. Never blocks beyond a directory look-up.
// Lifetime: owns its inotify descriptor.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

struct inotify_event;

namespace weir::conf {

enum class Watched { changed, quiet };

class FileWatch {
public:
    FileWatch();
    ~FileWatch();
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    int descriptor() const { return fd_; } // readable when there is something to read; -1 where inotify is missing

    // Watches the directories of these files, or patterns of files, and of every symbolic link on the way to them.
    // Changed: something is watched that was not before, and may have changed since it was read.
    Watched set_files(const std::vector<std::string>& files);

    // Takes in what the kernel has to say.
    Watched read_events();

    // Looks for directories that have vanished or come back. Call it now and then.
    Watched refresh();

private:
    void update();
    bool matters(const inotify_event& event) const;

    int fd_ = -1;
    std::vector<std::string> files_;
    std::map<std::string, int> directories_;     // directory → watch descriptor
    std::map<int, std::set<std::string>> names_; // watch descriptor → entries that matter there, or patterns
};

} // namespace weir::conf
