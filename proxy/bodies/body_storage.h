// What the buffered bodies of all workers share: the directory of their files, the threads that wait for the disk, and
// the space that they take together.
//
// Thread: any, except that the constructor, `stop` and the destructor run on one.
// Lifetime: outlives the workers.
#pragma once

#include "proxy/bodies/body_space.h"
#include "proxy/bodies/disk_threads.h"
#include "proxy/log/failure_log.h"

#include <atomic>
#include <mutex>
#include <string>

namespace weir::proxy {

class BodyStorage {
public:
    explicit BodyStorage(std::string directory) : directory_(std::move(directory)) {}

    const std::string& directory() const { return directory_; }
    DiskThreads& disk() { return disk_; }
    const std::shared_ptr<BodySpace>& space() const { return space_; }

    // Sets how many bytes all bodies may take together.
    void set_limit(std::uint64_t bytes) { space_->set_limit(bytes); }

    void count_file() { files_.fetch_add(1, std::memory_order_relaxed); }
    // Logs that a body could not be kept because of this error (errno), unless the log has many such lines already.
    void report(const char* action, int error);

    std::uint64_t bytes() const { return space_->used(); }                         // buffered now
    std::uint64_t files() const { return files_.load(std::memory_order_relaxed); } // bodies that were written to disk

    // Ends the threads. A job that waits is dropped, and its failure is not logged.
    void stop() {
        is_stopped_.store(true, std::memory_order_relaxed);
        disk_.stop();
    }

private:
    static constexpr std::size_t threads = 2;

    const std::string directory_;
    const std::shared_ptr<BodySpace> space_ = std::make_shared<BodySpace>();
    std::atomic<std::uint64_t> files_{0};
    std::atomic<bool> is_stopped_{false};
    DiskThreads disk_{threads};
    std::mutex mutex_; // guards what follows, which only failures need
    log::RateLimit log_limit_;
};

} // namespace weir::proxy
